#include "reconciler/id_history.h"

#include "events/money/wide_sum.h"

#include <algorithm>

namespace vouch::reconciler {

namespace {

Side side_of(const IdRow& row) {
    return (row.flags & IdRow::kCredit) != 0 ? Side::credit : Side::debit;
}
Outcome outcome_of(const IdRow& row) { return static_cast<Outcome>(row.outcome); }
std::string id_of(const IdRow& row) { return id_text(row.id_high, row.id_low); }

/// The sums refunded that an event claims to have changed, by posting.
std::map<std::uint32_t, Amount> sums_of(std::span<const IdRow* const> details) {
    std::map<std::uint32_t, Amount> sums;
    for (const IdRow* detail : details) {
        if (detail->kind == IdRowKind::refunded_sum)
            sums[static_cast<std::uint32_t>(detail->position)] = detail->amount();
    }
    return sums;
}

}  // namespace

void IdHistory::doubt(Check check, const IdRow& row, const std::string& message) {
    if (breaks_.any_until(row.event)) return;
    report_(check, EventNumber(row.event), "id " + id_of(row) + ": " + message);
}

void IdHistory::check(std::span<const IdRow* const> rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const IdRow& row = *rows[i];
        // What belongs to a reversal, refund or refusal of the same event stands behind it.
        std::size_t end = i + 1;
        while (end < rows.size() && rows[end]->event == row.event) ++end;
        const std::span<const IdRow* const> rest = rows.subspan(i + 1, end - i - 1);
        switch (row.kind) {
            case IdRowKind::decided:
                decided(row);
                break;
            case IdRowKind::posting:
                if (own_)
                    own_->postings.push_back({row.first, side_of(row), row.amount(), row.second});
                break;
            case IdRowKind::member_failed:
                member_failed(row);
                break;
            case IdRowKind::member_repeated:
                member_repeated(row);
                break;
            case IdRowKind::conflict:
                conflict(row);
                break;
            case IdRowKind::hold_ended:
                if (hold_) hold_->status = static_cast<HoldStatus>(row.outcome);
                // One that the payee's shard refused was never placed.
                if (hold_ && hold_->status == HoldStatus::refused) hold_.reset();
                break;
            case IdRowKind::hold_refused:
                hold_refused(row);
                break;
            case IdRowKind::entry_reversed:
                entry_reversed(row, rest);
                break;
            case IdRowKind::entry_refunded:
                entry_refunded(row, rest);
                break;
            case IdRowKind::entry_refused:
                entry_refused(row, rest);
                break;
            case IdRowKind::in_transit:
                in_transit(row);
                break;
            case IdRowKind::followed:
                followed(row);
                break;
            case IdRowKind::followed_payer:
                if (!followed_.empty()) followed_.back().payer = row.amount();
                break;
            case IdRowKind::given_back:
                given_back(row);
                break;
            case IdRowKind::mark_returned:
                mark_returned(row, rest);
                break;
            case IdRowKind::forward_repeated:
                forward_repeated(row);
                break;
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
                break;
        }
    }
    if (viewed_) compare_view(rows);
}

void IdHistory::decided(const IdRow& row) {
    if ((row.flags & IdRow::kIsAnswered) != 0) return answered(row);
    if (first_) {
        report_(Check::id_twice, EventNumber(row.event),
                "id " + id_of(row) + " has its outcome at event " + std::to_string(first_->event));
        return;
    }
    first_ = Seen{row.event, row.position, outcome_of(row), false, 0};
    take_parts(row);
}

/// The hold or entry that the command makes.
void IdHistory::take_parts(const IdRow& row) {
    if ((row.flags & IdRow::kIsHold) != 0)
        hold_ = Hold{row.first + 1, row.second, HoldStatus::open};
    if ((row.flags & IdRow::kIsEntry) == 0) return;
    own_ = Entry{};
    own_->event = row.event;
    if ((row.flags & IdRow::kIsPair) == 0) return;
    own_->postings = {{row.first, Side::debit, row.amount(), 0},
                      {row.second, Side::credit, row.amount(), 0}};
}

void IdHistory::in_transit(const IdRow& row) {
    if (first_) {
        report_(Check::id_twice, EventNumber(row.event),
                "id " + id_of(row) + " was seen at event " + std::to_string(first_->event));
        return;
    }
    first_ = Seen{row.event, row.position, Outcome::malformed, true, row.event};
    take_parts(row);
    if (own_) own_->is_elsewhere = true;
}

void IdHistory::followed(const IdRow& row) {
    std::erase_if(followed_, [&](const Followed& each) { return each.leader == row.position; });
    Followed& newest = followed_.emplace_back();
    newest.leader = row.position;
    newest.entry.event = row.event;
    newest.entry.postings = {{row.first, Side::debit, row.amount(), 0},
                             {row.second, Side::credit, row.amount(), 0}};
}

/// The fold knows that it was in transit, and holds the two against each other.
void IdHistory::answered(const IdRow& row) {
    if (first_ && !first_->is_in_transit) {
        report_(Check::id_twice, EventNumber(row.event),
                "id " + id_of(row) + " has its outcome at event " + std::to_string(first_->event));
        return;
    }
    const std::uint64_t departed = first_ ? first_->event : row.event;
    const std::uint64_t content = first_ ? first_->content : 0;
    first_ = Seen{row.event, content, outcome_of(row), false, departed};
    if (is_accepted(first_->outcome)) return;
    own_.reset();
}

void IdHistory::forward_repeated(const IdRow& row) {
    if (!first_) {
        doubt(Check::wrong_reference, row, "repeat of a command that was never sent");
    } else if (first_->content != row.position) {
        doubt(Check::wrong_reference, row, "repeat of other content");
    } else if (first_->event != row.amount_low) {
        doubt(Check::wrong_reference, row,
              "repeat names event " + std::to_string(row.amount_low) + ", the first is event " +
                  std::to_string(first_->event));
    }
}

/// Only an entry that came from another shard is given back to it.
void IdHistory::given_back(const IdRow& row) {
    const Followed* const entry = entry_of_other();
    if (entry == nullptr || entry->leader != row.first || !entry->payer) {
        return doubt(Check::wrong_entry, row,
                     "given back to another shard, from which it did not come");
    }
    if (!expect_) return;
    IdRow expected;
    expected.kind = IdRowKind::payee_expected;
    expected.id_high = row.amount_high;
    expected.id_low = row.amount_low;
    expected.ledger = row.ledger;
    expected.event = row.event;
    expected.set_amount(*entry->payer);
    expect_(expected);
}

/// Another shard refused the reversal or refund: the entry that it led is as it was before, whatever
/// other entry has the id by now.
void IdHistory::mark_returned(const IdRow& row, std::span<const IdRow* const> details) {
    const auto found = std::ranges::find(followed_, row.first, &Followed::leader);
    if (found == followed_.end()) return doubt(Check::wrong_entry, row, "there is no such entry");
    Entry* const entry = &found->entry;
    const auto claimed = sums_of(details);
    const bool is_known = !breaks_.any(entry->event, row.event);
    entry->event = row.event;
    if ((row.flags & IdRow::kIsRefund) == 0) {
        if (is_known && !entry->is_reversed)
            doubt(Check::wrong_entry, row, "a mark is taken back that was not set");
        entry->is_reversed = false;
        if (!claimed.empty()) doubt(Check::wrong_entry, row, "sums refunded of a reversed entry");
        return;
    }
    const auto pair = is_known ? refunded_pair(*entry, row) : std::nullopt;
    std::map<std::uint32_t, Amount> expected;
    for (const std::uint32_t posting : pair ? std::vector<std::uint32_t>{pair->debit, pair->credit}
                                            : std::vector<std::uint32_t>()) {
        const std::optional<Amount> less = entry->refunded_of(posting).minus(row.amount());
        if (!less) doubt(Check::wrong_entry, row, "more is taken back than was refunded");
        expected[posting] = less.value_or(Amount());
    }
    if (is_known && expected != claimed)
        doubt(Check::wrong_entry, row, "the sums refunded do not follow");
    entry->take_sums(claimed);
}

Amount IdHistory::Entry::refunded_of(std::uint32_t posting) const {
    const auto sum = refunded.find(posting);
    return sum == refunded.end() ? Amount() : sum->second;
}

void IdHistory::Entry::take_sums(const std::map<std::uint32_t, Amount>& claimed) {
    for (const auto& [posting, sum] : claimed) {
        if (sum.is_zero()) {
            refunded.erase(posting);
        } else {
            refunded[posting] = sum;
        }
    }
}

void IdHistory::member_failed(const IdRow& row) {
    const std::uint64_t content = row.amount_low;
    const Outcome outcome = outcome_of(row);
    if (!first_) {
        if (outcome == Outcome::conflict)
            doubt(Check::wrong_group, row, "conflict of a member with nothing");
        if ((row.flags & IdRow::kNotDerived) != 0)
            doubt(Check::wrong_outcome, row, "member refused without a reason");
        first_ = Seen{row.event, content, outcome, false, 0, true};
        return;
    }
    // Twice in one group, or a member after the one that failed, which was not looked at.
    if (first_->event == row.event || outcome == Outcome::group_failed) return;
    if (outcome == Outcome::conflict) {
        if (content == first_->content)
            doubt(Check::wrong_group, row, "conflict of a member with the same content");
        return;
    }
    if (content != first_->content || (outcome != first_->outcome && !first_->is_in_transit)) {
        doubt(Check::wrong_group, row,
              "member refused otherwise than at event " + std::to_string(first_->event) +
                  ", where it has its outcome");
    }
}

void IdHistory::member_repeated(const IdRow& row) {
    if (!first_) {
        doubt(Check::wrong_reference, row, "member repeats a command that was never sent");
    } else if (first_->content != row.amount_low) {
        doubt(Check::wrong_reference, row,
              "member repeats event " + std::to_string(first_->event) + " with other content");
    } else if (!first_->is_in_transit &&
               (first_->outcome != outcome_of(row) || !is_accepted(first_->outcome))) {
        doubt(Check::wrong_reference, row,
              "member repeats event " + std::to_string(first_->event) + " with another outcome");
    }
}

void IdHistory::conflict(const IdRow& row) {
    if (!first_) {
        doubt(Check::wrong_reference, row, "conflict with a command that was never sent");
    } else if (first_->event != row.amount_low) {
        doubt(Check::wrong_reference, row,
              "conflict names event " + std::to_string(row.amount_low) + ", the first is event " +
                  std::to_string(first_->event));
    } else if (first_->content == row.position) {
        doubt(Check::wrong_reference, row,
              "conflict with event " + std::to_string(first_->event) + " has its content");
    }
}

void IdHistory::hold_refused(const IdRow& row) {
    const Outcome outcome = outcome_of(row);
    bool is_right = true;
    // The payer is on this shard; of an account that is not, no more is said.
    const bool is_payer = hold_ && (row.first == 0 || hold_->payer_plus_one == row.first);
    if (outcome == Outcome::hold_not_found) {
        is_right = !hold_;
    } else if (outcome == Outcome::hold_closed) {
        is_right = is_payer &&
                   (hold_->status == HoldStatus::captured || hold_->status == HoldStatus::released);
    } else if (outcome == Outcome::hold_expired) {
        is_right = is_payer && hold_->status == HoldStatus::expired;
    } else if (outcome == Outcome::wrong_account) {
        is_right = hold_ && (!is_payer || (hold_->payee_plus_one != 0 && row.second != 0 &&
                                           hold_->payee_plus_one != row.second));
    } else if (outcome == Outcome::account_missing) {
        is_right = hold_ && hold_->payee_plus_one == 0 && row.second == 0;
    }
    if (is_right) return;
    doubt(Check::wrong_outcome, row,
          std::string(to_text(outcome)) + " does not follow from the hold");
}

std::optional<IdHistory::Pair> IdHistory::refunded_pair(const Entry& entry, const IdRow& row) {
    const std::vector<Posting>& postings = entry.postings;
    const RefundedPair named = RefundedPair::unpack(row.position);
    Pair pair{named.debit, named.credit};
    if (!named.are_named) {
        const auto is_debit = [](const Posting& posting) { return posting.side == Side::debit; };
        if (postings.size() != 2 || std::ranges::count_if(postings, is_debit) != 1)
            return std::nullopt;
        pair.debit = is_debit(postings[0]) ? 0 : 1;
        pair.credit = 1 - pair.debit;
    }
    if (pair.debit >= postings.size() || pair.credit >= postings.size()) return std::nullopt;
    if (postings[pair.debit].side != Side::debit || postings[pair.credit].side != Side::credit)
        return std::nullopt;
    if (postings[pair.debit].asset != postings[pair.credit].asset) return std::nullopt;
    return pair;
}

Amount IdHistory::left_of(const Pair& pair) const {
    Amount left = Amount::max();
    for (const std::uint32_t posting : {pair.debit, pair.credit}) {
        const auto sum = entry()->refunded.find(posting);
        const Amount undone = sum == entry()->refunded.end() ? Amount() : sum->second;
        left = std::min(left, entry()->postings[posting].amount.minus(undone).value_or(Amount()));
    }
    return left;
}

void IdHistory::entry_reversed(const IdRow& row, std::span<const IdRow* const> details) {
    if (entry() == nullptr)
        return doubt(Check::wrong_entry, row, "reversed, but there is no such entry");
    if (entry()->is_reversed) doubt(Check::wrong_entry, row, "reversed a second time");
    if (!entry()->refunded.empty()) doubt(Check::wrong_entry, row, "reversed after a refund");
    entry()->is_reversed = true;
    std::vector<Posting> expected;
    for (const Side side : {Side::credit, Side::debit}) {
        for (const Posting& posting : entry()->postings) {
            if (posting.side == side)
                expected.push_back(
                    {posting.account, opposite(side), posting.amount, posting.asset});
        }
    }
    std::vector<Posting> found;
    for (const IdRow* detail : details) {
        if (detail->kind == IdRowKind::mirrored)
            found.push_back({detail->first, side_of(*detail), detail->amount(), detail->second});
    }
    // A pair has one asset, which its row does not tell.
    if (found.size() == 2 && expected.size() == 2)
        found[0].asset = found[1].asset = expected[0].asset;
    if (expected != found) doubt(Check::wrong_entry, row, "the reversal is not the entry's mirror");
}

void IdHistory::entry_refunded(const IdRow& row, std::span<const IdRow* const> details) {
    const std::map<std::uint32_t, Amount> claimed = sums_of(details);
    if (entry() == nullptr)
        return doubt(Check::wrong_entry, row, "refunded, but there is no such entry");
    const bool is_known = !breaks_.any(entry()->event, row.event);
    entry()->event = row.event;
    if (!is_known) return entry()->take_sums(claimed);
    const auto pair = refunded_pair(*entry(), row);
    if (!pair)
        return doubt(Check::wrong_entry, row, "the refund names no debit and credit of the entry");
    if (entry()->is_reversed) doubt(Check::wrong_entry, row, "refunded after the reversal");
    const bool names_payer = (row.flags & IdRow::kFrom) != 0;
    if (!names_payer && entry()->postings[pair->credit].account != row.first) {
        doubt(Check::wrong_entry, row, "the refund does not debit the account that was credited");
    }
    if (entry()->postings[pair->debit].account != row.second) {
        doubt(Check::wrong_entry, row, "the refund does not credit the account that was debited");
    }
    if (row.amount() > left_of(*pair))
        doubt(Check::wrong_entry, row, "refunded more than was paid");
    std::map<std::uint32_t, Amount> expected;
    for (const std::uint32_t posting : {pair->debit, pair->credit}) {
        expected[posting] =
            entry()->refunded_of(posting).plus(row.amount()).value_or(Amount::max());
    }
    if (expected != claimed) doubt(Check::wrong_entry, row, "the sums refunded do not follow");
    entry()->take_sums(claimed);
}

bool IdHistory::is_wrong_account(const IdRow& row) const {
    if (entry()->is_elsewhere) return true;
    const auto credit = std::ranges::find(entry()->postings, Side::credit, &Posting::side);
    if ((row.flags & IdRow::kIsRefund) == 0) {
        return credit != entry()->postings.end() && credit->account + 1 != row.first;
    }
    const auto pair = refunded_pair(*entry(), row);
    return pair && (row.flags & IdRow::kFrom) == 0 &&
           entry()->postings[pair->credit].account + 1 != row.first;
}

/// The postings on this shard of a reversal or refund that was refused. What goes back to another
/// shard stands on a transit account, which is never in the way.
std::vector<IdHistory::Posting> IdHistory::undoing(const IdRow& row,
                                                   const std::optional<Pair>& pair) const {
    std::vector<Posting> postings;
    const bool goes_back = entry_of_other() != nullptr;
    if ((row.flags & IdRow::kIsRefund) == 0) {
        for (const Posting& each : entry()->postings) {
            if (goes_back && each.side == Side::debit) continue;
            postings.push_back({each.account, opposite(each.side), each.amount, each.asset});
        }
        return postings;
    }
    const Amount amount = (row.flags & IdRow::kHasAmount) != 0 ? row.amount() : left_of(*pair);
    postings.push_back({row.first - 1, Side::debit, amount, 0});
    if (goes_back) return postings;
    postings.push_back({entry()->postings[pair->debit].account, Side::credit, amount, 0});
    return postings;
}

/// Whether the account that a refusal names could not take what would be undone: by its limit
/// (insufficient_funds), or by the room of its sides (amount_overflow). True where the fold could not
/// tell how the account stood.
bool IdHistory::is_too_much(const IdRow& row, const std::optional<Pair>& pair,
                            std::span<const IdRow* const> details) const {
    const std::vector<Posting> postings = undoing(row, pair);
    const bool goes_back = entry_of_other() != nullptr;
    const auto sum_on = [&](std::uint32_t account, Side side) {
        WideSum sum;
        for (const Posting& each : postings) {
            if (each.account == account && each.side == side) sum.add(each.amount);
        }
        return sum;
    };
    bool is_told = false;
    for (const IdRow* detail : details) {
        const Amount left = detail->amount();
        if (detail->kind == IdRowKind::short_of) {
            const Side raises = side_of(*detail);
            WideSum bound = sum_on(detail->first, raises);
            bound.add(left);
            return sum_on(detail->first, opposite(raises)) > bound;
        }
        if (detail->kind != IdRowKind::room_of) continue;
        is_told = true;
        const auto side = static_cast<Side>(detail->position);
        // What is on its way back could all come back here.
        const Side needed = goes_back ? Side::debit : side;
        if (sum_on(detail->first, needed) > WideSum(left)) return true;
    }
    return !is_told;
}

bool IdHistory::is_justified(const IdRow& row, std::span<const IdRow* const> details) const {
    const Outcome outcome = outcome_of(row);
    const bool is_refund = (row.flags & IdRow::kIsRefund) != 0;
    const auto pair = entry() != nullptr && is_refund ? refunded_pair(*entry(), row) : std::nullopt;
    // Which postings a refund names is not looked at where the entry is undone on another shard.
    const bool is_found = entry() != nullptr && (!is_refund || pair || entry()->is_elsewhere);
    if (outcome == Outcome::entry_not_found) return !is_found;
    if (outcome == Outcome::wrong_account) return is_found && is_wrong_account(row);
    if (outcome == Outcome::same_account) {
        const bool names_two = (row.flags & IdRow::kFrom) != 0;
        return pair && !entry()->is_elsewhere && (names_two || !is_wrong_account(row)) &&
               entry()->postings[pair->debit].account + 1 == row.first;
    }
    if (outcome == Outcome::asset_mismatch) {
        const Followed* const crossed = entry_of_other();
        return std::ranges::all_of(details, [&](const IdRow* detail) {
            return detail->kind != IdRowKind::payer_named ||
                   (pair && crossed != nullptr && crossed->payer == detail->amount());
        });
    }
    const bool needs_entry =
        outcome == Outcome::already_reversed || outcome == Outcome::already_refunded ||
        outcome == Outcome::refund_exceeds_payment || outcome == Outcome::insufficient_funds ||
        outcome == Outcome::amount_overflow;
    if (!needs_entry) return true;
    if (!is_found || is_wrong_account(row)) return false;
    if (outcome == Outcome::already_reversed) return entry()->is_reversed;
    if (outcome == Outcome::already_refunded)
        return !is_refund && !entry()->is_reversed && !entry()->refunded.empty();
    if (entry()->is_reversed || (!is_refund && !entry()->refunded.empty())) return false;
    if (!is_refund)
        return outcome != Outcome::refund_exceeds_payment && is_too_much(row, pair, details);
    const Amount left = left_of(*pair);
    const bool has_amount = (row.flags & IdRow::kHasAmount) != 0;
    const bool exceeds = left.is_zero() || (has_amount && row.amount() > left);
    if (outcome != Outcome::refund_exceeds_payment)
        return !exceeds && is_too_much(row, pair, details);
    return exceeds && std::ranges::all_of(details, [&](const IdRow* detail) {
               return detail->kind != IdRowKind::remaining || detail->amount() == left;
           });
}

void IdHistory::entry_refused(const IdRow& row, std::span<const IdRow* const> details) {
    if (is_justified(row, details)) return;
    doubt(Check::wrong_outcome, row,
          std::string(to_text(outcome_of(row))) + " does not follow from the entry");
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
        const bool is_sure = is_expected ? !breaks_.any(expected, row->event)
                                         : !breaks_.any_until(row->event);
        if (!is_right && is_sure) {
            report_(Check::view_id, EventNumber(row->event),
                    "id " + id_of(*row) + ": a row of the view " +
                        (is_expected ? "names another event than " + std::to_string(expected)
                                     : "is of no command"));
        }
    }
    if (is_expected && found == 0) {
        report_(Check::view_id, EventNumber(expected),
                "id " + id_of(*rows.front()) + ": no row in the view");
    }
}

}  // namespace vouch::reconciler
