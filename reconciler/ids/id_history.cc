#include "reconciler/ids/id_history.h"

#include <algorithm>
#include <string>

namespace vouch::reconciler {

void IdHistory::check(std::span<const IdRow* const> rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        // What belongs to a reversal, refund or refusal of the same event stands behind it.
        std::size_t end = i + 1;
        while (end < rows.size() && rows[end]->event == rows[i]->event) ++end;
        take(*rows[i], rows.subspan(i + 1, end - i - 1));
    }
    if (viewed_) compare_view(rows);
}

void IdHistory::take(const IdRow& row, IdEntries::Details details) {
    switch (row.kind) {
        case IdRowKind::decided:
        case IdRowKind::in_transit:
            return decided(row);
        case IdRowKind::answered:
            return answered(row);
        case IdRowKind::posting:
            return entries_.posting(row);
        case IdRowKind::member_failed:
            return member_failed(row);
        case IdRowKind::member_repeated:
            return member_repeated(row);
        case IdRowKind::conflict:
        case IdRowKind::forward_repeated:
            return referred(row);
        case IdRowKind::forwarded:
            return others_.push_back(row.as<Forwarded>().content);
        case IdRowKind::sent:
            return sent(row);
        case IdRowKind::hold_ended:
            return hold_ended(row);
        case IdRowKind::hold_refused:
            return hold_refused(row);
        case IdRowKind::entry_reversed:
            return entries_.reversed(row, details);
        case IdRowKind::entry_refunded:
            return entries_.refunded(row, details);
        case IdRowKind::entry_refused:
            return entries_.refused(row, details);
        case IdRowKind::followed:
            return entries_.followed(row);
        case IdRowKind::followed_payer:
            return entries_.followed_payer(row);
        case IdRowKind::given_back:
            return entries_.given_back(row);
        case IdRowKind::mark_returned:
            return entries_.mark_returned(row, details);
        case IdRowKind::seen:
        case IdRowKind::payee_expected:
        case IdRowKind::payee_credited:
        case IdRowKind::batch_sent:
        case IdRowKind::batch_taken:
        case IdRowKind::batch_place:
        case IdRowKind::row_expected:
        case IdRowKind::row_found:
        case IdRowKind::mirrored:
        case IdRowKind::refunded_sum:
        case IdRowKind::remaining:
        case IdRowKind::payer_named:
        case IdRowKind::short_of:
        case IdRowKind::room_of:
        case IdRowKind::view:
            return;
    }
}

bool IdHistory::is_new(const IdRow& row) {
    if (!first_) return true;
    findings_.report(Check::id_twice, EventNumber(row.event), row,
                     "was seen at event " + std::to_string(first_->event));
    return false;
}

void IdHistory::decided(const IdRow& row) {
    if (!is_new(row)) return;
    const auto said = row.as<Decided>();
    const bool crosses = row.kind == IdRowKind::in_transit;
    first_ = First{row.event, said.content, row.outcome, crosses, crosses ? row.event : 0};
    if (row.made == IdMade::hold) hold_ = Hold{said.payer, said.payee};
    entries_.made(row);
}

/// The fold knows that it was in transit, and holds the two against each other.
void IdHistory::answered(const IdRow& row) {
    if ((!first_ || !first_->is_in_transit) && !is_new(row)) return;
    const std::uint64_t departed = first_ ? first_->event : row.event;
    const std::uint64_t content = first_ ? first_->content : 0;
    first_ = First{row.event, content, row.outcome, false, departed};
    if (!is_accepted(row.outcome)) entries_.unmade();
}

void IdHistory::member_failed(const IdRow& row) {
    const auto [content, is_derived] = row.as<MemberSaid>();
    const Outcome outcome = row.outcome;
    if (!first_) {
        if (outcome == Outcome::conflict)
            findings_.doubt(Check::wrong_group, row, "conflict of a member with nothing");
        if (!is_derived)
            findings_.doubt(Check::wrong_outcome, row, "member refused without a reason");
        first_ = First{row.event, content, outcome, false, 0, true};
        return;
    }
    // Twice in one group, or a member after the one that failed, which was not looked at.
    if (first_->event == row.event || outcome == Outcome::group_failed) return;
    if (outcome == Outcome::conflict) {
        if (content == first_->content)
            findings_.doubt(Check::wrong_group, row, "conflict of a member with the same content");
        return;
    }
    if (content != first_->content || (outcome != first_->outcome && !first_->is_in_transit)) {
        findings_.doubt(Check::wrong_group, row,
              "member refused otherwise than at event " + std::to_string(first_->event) +
                  ", where it has its outcome");
    }
}

void IdHistory::member_repeated(const IdRow& row) {
    if (!first_) {
        findings_.doubt(Check::wrong_reference, row,
                        "member repeats a command that was never sent");
    } else if (first_->content != row.as<MemberSaid>().content) {
        findings_.doubt(Check::wrong_reference, row,
              "member repeats event " + std::to_string(first_->event) + " with other content");
    } else if (!first_->is_in_transit &&
               (first_->outcome != row.outcome || !is_accepted(first_->outcome))) {
        findings_.doubt(Check::wrong_reference, row,
              "member repeats event " + std::to_string(first_->event) + " with another outcome");
    }
}

/// A conflict has other content than the first, a repeat the same.
void IdHistory::referred(const IdRow& row) {
    const auto said = row.as<NamedFirst>();
    const bool is_conflict = row.kind == IdRowKind::conflict;
    const std::string what = is_conflict ? "conflict" : "repeat";
    if (is_conflict) others_.push_back(said.content);
    if (!first_) {
        findings_.doubt(Check::wrong_reference, row, what + " of a command that was never sent");
    } else if (first_->event != said.first) {
        findings_.doubt(Check::wrong_reference, row,
                        what + " names event " + std::to_string(said.first) +
                            ", the first is event " + std::to_string(first_->event));
    } else if ((first_->content == said.content) == is_conflict) {
        findings_.doubt(Check::wrong_reference, row,
                        what + " of event " + std::to_string(first_->event) + " has " +
                            (is_conflict ? "its content" : "other content"));
    }
}

/// A repeat leaves no event: what was sent is answered by any event before that has its content.
void IdHistory::sent(const IdRow& row) const {
    const auto said = row.as<Sent>();
    if (first_ && first_->content == said.content) return;
    if (std::ranges::find(others_, said.content) != others_.end()) return;
    findings_.report(Check::dropped_command, EventNumber(row.event), row,
                     sent_place(said.offset, said.member) +
                         (first_ || !others_.empty()
                              ? " is answered by events of other content only"
                              : " has no event"));
}

void IdHistory::hold_ended(const IdRow& row) {
    if (!hold_) return;
    hold_->status = row.as<HoldEnd>().status;
    // One that the payee's shard refused was never placed.
    if (hold_->status == HoldStatus::refused) hold_.reset();
}

void IdHistory::hold_refused(const IdRow& row) {
    const auto said = row.as<HoldRefusal>();
    const Outcome outcome = row.outcome;
    bool is_right = true;
    // The payer is on this shard; of an account that is not, no more is said.
    const bool is_payer = hold_ && (said.account == kElsewhere || hold_->payer == said.account);
    if (outcome == Outcome::hold_not_found) {
        is_right = !hold_;
    } else if (outcome == Outcome::hold_closed) {
        is_right = is_payer &&
                   (hold_->status == HoldStatus::captured || hold_->status == HoldStatus::released);
    } else if (outcome == Outcome::hold_expired) {
        is_right = is_payer && hold_->status == HoldStatus::expired;
    } else if (outcome == Outcome::wrong_account) {
        is_right = hold_ && (!is_payer || (hold_->payee != kNobody && said.credit != kNobody &&
                                           hold_->payee != said.credit));
    } else if (outcome == Outcome::account_missing) {
        is_right = hold_ && hold_->payee == kNobody && said.credit == kNobody;
    }
    if (is_right) return;
    findings_.doubt(Check::wrong_outcome, row,
                    std::string(to_text(outcome)) + " does not follow from the hold");
}

void IdHistory::compare_view(std::span<const IdRow* const> rows) {
    // Of a command that crossed, a view that has not seen the outcome yet has what it saw first. A
    // member that had its outcome with its group has a row of another kind.
    const bool is_expected =
        first_ && !first_->is_of_group &&
        (first_->event < viewed_->value() ||
                   (first_->departed != 0 && first_->departed < viewed_->value()));
    const std::uint64_t expected = !first_                            ? 0
                                   : first_->event < viewed_->value() ? first_->event
                                                                      : first_->departed;
    std::size_t found = 0;
    for (const IdRow* row : rows) {
        if (row->kind != IdRowKind::view) continue;
        ++found;
        const bool is_right = is_expected && row->event == expected && found == 1;
        // A broken record may hold the event that the row names.
        const bool is_sure = is_expected ? !findings_.breaks().any(expected, row->event)
                                         : !findings_.breaks().any_until(row->event);
        if (!is_right && is_sure) {
            const std::string what = is_expected
                                         ? "names another event than " + std::to_string(expected)
                                         : "is of no command";
            findings_.report(Check::view_id, EventNumber(row->event), *row,
                             "a row of the view " + what);
        }
    }
    if (is_expected && found == 0) {
        findings_.report(Check::view_id, EventNumber(expected), *rows.front(),
                         "no row in the view");
    }
}

}  // namespace vouch::reconciler
