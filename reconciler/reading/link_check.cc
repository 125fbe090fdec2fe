#include "reconciler/reading/link_check.h"

#include <algorithm>
#include <utility>

namespace vouch::reconciler {

/// Record numbers go up by one. Where they do not, it is told once.
LinkCheck::Place LinkCheck::check_number(const PreparedRecord& record) {
    Place place;
    const RecordNumber found = record.header.record;
    const RecordNumber expected = next_numbers_.front();
    if (std::ranges::find(next_numbers_, found) != next_numbers_.end()) {
        next_numbers_ = {found.next()};
        if (record.mac == MacCheck::wrong) next_numbers_ = {found.next(), found};
        return place;
    }
    hand_.report(Check::record_sequence, expected_found(expected.value(), found.value()));
    switch (record.mac) {
        case MacCheck::right:
            // Records are missing before this one, or an old one was put in; or its own number is
            // wrong. The next record shows which, by its number and by the tag that it follows.
            if (found > expected) {
                place.is_gap_before = true;
                hand_.is_known = false;
                next_numbers_ = {found.next(), expected.next()};
            } else {
                place.is_in_order = false;
                next_numbers_ = {expected, expected.next()};
                unfolded_digest_ = record.digest;
            }
            break;
        case MacCheck::wrong:
        case MacCheck::not_checked:
            // The number itself may be what was edited, or the record put in, or some before it
            // taken out.
            next_numbers_ = {expected.next(), expected, found.next()};
            place.is_in_order = record.mac == MacCheck::not_checked && found > expected;
            place.is_gap_before = place.is_in_order;
            hand_.is_known = false;
            is_digest_known_ = false;
            break;
    }
    return place;
}

bool LinkCheck::check_previous_digest(const PreparedRecord& record) {
    const std::optional<Tag> unfolded = std::exchange(unfolded_digest_, std::nullopt);
    if (equal_tags(record.header.previous_digest, last_digest_) || !is_digest_known_) return true;
    if (unfolded && equal_tags(record.header.previous_digest, *unfolded)) {
        // It was this chain's next record after all, under a wrong number.
        hand_.is_known = false;
        return false;
    }
    hand_.report(Check::previous_digest,
                 expected_found_hex(last_digest_, record.header.previous_digest));
    return true;
}

void LinkCheck::advance(const PreparedRecord& record) {
    is_digest_known_ = record.mac != MacCheck::wrong;
    last_digest_ = record.digest;
    next_record_ = next_numbers_.front();
}

void LinkCheck::skip_one() {
    const RecordNumber expected = next_numbers_.front();
    next_numbers_ = {expected.next(), expected};
    next_record_ = expected.next();
    hand_.is_known = false;
    is_digest_known_ = false;
}

}  // namespace vouch::reconciler
