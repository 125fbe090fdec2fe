#pragma once

#include "reconciler/reading/prepared_record.h"
#include "reconciler/reading/record_at_hand.h"

#include <optional>
#include <vector>

namespace vouch::reconciler {

/// Of a chain, that each record is the one after the one before: by its number and by the digest
/// that it names.
class LinkCheck {
public:
    LinkCheck(RecordAtHand& hand, const Tag& genesis)
        : hand_(hand), next_numbers_{RecordNumber(0)}, last_digest_(genesis) {}

    struct Place {
        bool is_in_order = true;     ///< false for an old record, or one put in
        bool is_gap_before = false;  ///< records before it are missing
    };
    Place check_number(const PreparedRecord& record);
    /// False: it was this chain's next record all the same, behind one with a wrong number.
    bool check_previous_digest(const PreparedRecord& record);
    /// Past a record that is in order.
    void advance(const PreparedRecord& record);
    /// Past what is no record of this chain. What stands behind it may be the next or the one
    /// after.
    void skip_one();

    RecordNumber next_record() const { return next_record_; }
    const Tag& last_digest() const { return last_digest_; }
    /// False when the last record's tag was shown to be edited.
    bool is_digest_known() const { return is_digest_known_; }

private:
    RecordAtHand& hand_;
    /// Record numbers that the next record may have: one, or after a wrong number all that make
    /// sense.
    std::vector<RecordNumber> next_numbers_;
    RecordNumber next_record_;
    Tag last_digest_{};
    std::optional<Tag> unfolded_digest_;  ///< of a record just left out because of its number
    bool is_digest_known_ = true;
};

}  // namespace vouch::reconciler
