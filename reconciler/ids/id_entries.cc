#include "reconciler/ids/id_entries.h"

#include "events/money/wide_sum.h"

#include <algorithm>
#include <string>

namespace vouch::reconciler {

namespace {

std::vector<Booked> pair_of(Amount amount, std::uint32_t debited, std::uint32_t credited) {
    return {{amount, debited, 0, Side::debit}, {amount, credited, 0, Side::credit}};
}

}  // namespace

void IdEntries::made(const IdRow& row) {
    if (row.made != IdMade::entry && row.made != IdMade::pair) return;
    own_ = Entry{};
    own_->event = row.event;
    own_->is_elsewhere = row.kind == IdRowKind::in_transit;
    if (row.made == IdMade::entry) return;
    const auto said = row.as<Decided>();
    own_->postings = pair_of(said.amount, said.payer, said.payee);
}

void IdEntries::posting(const IdRow& row) {
    if (own_) own_->postings.push_back(row.as<Booked>());
}

void IdEntries::followed(const IdRow& row) {
    const auto said = row.as<Followed>();
    std::erase_if(followed_, [&](const Entry& each) { return each.leader == said.leader; });
    Entry& newest = followed_.emplace_back();
    newest.leader = said.leader;
    newest.event = row.event;
    newest.postings = pair_of(said.amount, said.debited, said.credited);
}

void IdEntries::followed_payer(const IdRow& row) {
    if (!followed_.empty()) followed_.back().payer = row.as<PayerSaid>().payer;
}

/// Only an entry that came from another shard is given back to it.
void IdEntries::given_back(const IdRow& row) const {
    const auto said = row.as<GivenBack>();
    if (entry() == nullptr || entry()->leader != said.to || !entry()->payer) {
        return findings_.doubt(Check::wrong_entry, row,
                               "given back to another shard, from which it did not come");
    }
    if (!expect_) return;
    IdRow expected;
    expected.id_high = said.by.high();
    expected.id_low = said.by.low();
    expected.ledger = row.ledger;
    expected.event = row.event;
    expected.say(IdRowKind::payee_expected, Payee{.account = *entry()->payer});
    expect_(expected);
}

/// Another shard refused the reversal or refund: the entry that it led is as it was before,
/// whatever other entry has the id by now.
void IdEntries::mark_returned(const IdRow& row, Details details) {
    const auto said = row.as<MarkReturned>();
    const auto entry = std::ranges::find(followed_, said.leader, &Entry::leader);
    if (entry == followed_.end())
        return findings_.doubt(Check::wrong_entry, row, "there is no such entry");
    const Sums claimed = sums_of(details);
    const bool is_known = !findings_.breaks().any(entry->event, row.event);
    entry->event = row.event;
    if (!said.is_refund) {
        if (is_known && !entry->is_reversed)
            findings_.doubt(Check::wrong_entry, row, "a mark is taken back that was not set");
        entry->is_reversed = false;
        if (!claimed.empty())
            findings_.doubt(Check::wrong_entry, row, "sums refunded of a reversed entry");
        return;
    }
    Sums expected;
    if (const auto pair = is_known ? entry->pair(said.pair) : std::nullopt) {
        for (const std::uint32_t posting : {pair->debit, pair->credit}) {
            const std::optional<Amount> less = entry->refunded_of(posting).minus(said.amount);
            if (!less)
                findings_.doubt(Check::wrong_entry, row, "more is taken back than was refunded");
            expected[posting] = less.value_or(Amount());
        }
    }
    if (is_known && expected != claimed)
        findings_.doubt(Check::wrong_entry, row, "the sums refunded do not follow");
    entry->take_sums(claimed);
}

Amount IdEntries::Entry::refunded_of(std::uint32_t posting) const {
    const auto sum = refunded.find(posting);
    return sum == refunded.end() ? Amount() : sum->second;
}

void IdEntries::Entry::take_sums(const Sums& claimed) {
    for (const auto& [posting, sum] : claimed) {
        if (sum.is_zero()) {
            refunded.erase(posting);
        } else {
            refunded[posting] = sum;
        }
    }
}

std::optional<IdEntries::Pair> IdEntries::Entry::pair(const RefundedPair& named) const {
    Pair pair{named.debit, named.credit};
    if (!named.are_named) {
        const auto is_debit = [](const Booked& posting) { return posting.side == Side::debit; };
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

Amount IdEntries::Entry::left_of(const Pair& pair) const {
    Amount left = Amount::max();
    for (const std::uint32_t posting : {pair.debit, pair.credit}) {
        const auto rest = postings[posting].amount.minus(refunded_of(posting));
        left = std::min(left, rest.value_or(Amount()));
    }
    return left;
}

/// The sums refunded that an event claims to have changed, by posting.
IdEntries::Sums IdEntries::sums_of(Details details) {
    Sums sums;
    for (const IdRow* detail : details) {
        if (detail->kind != IdRowKind::refunded_sum) continue;
        const auto said = detail->as<RefundedSum>();
        sums[said.posting] = said.amount;
    }
    return sums;
}

void IdEntries::reversed(const IdRow& row, Details details) {
    Entry* const of = entry();
    if (of == nullptr)
        return findings_.doubt(Check::wrong_entry, row, "reversed, but there is no such entry");
    if (of->is_reversed) findings_.doubt(Check::wrong_entry, row, "reversed a second time");
    if (!of->refunded.empty()) findings_.doubt(Check::wrong_entry, row, "reversed after a refund");
    of->is_reversed = true;
    std::vector<Booked> expected;
    for (const Side side : {Side::credit, Side::debit}) {
        for (const Booked& each : of->postings) {
            if (each.side == side)
                expected.push_back({each.amount, each.account, each.asset, opposite(side)});
        }
    }
    std::vector<Booked> found;
    for (const IdRow* detail : details) {
        if (detail->kind == IdRowKind::mirrored) found.push_back(detail->as<Booked>());
    }
    // A pair has one asset, which its row does not tell.
    if (found.size() == 2 && expected.size() == 2)
        found[0].asset = found[1].asset = expected[0].asset;
    if (expected != found)
        findings_.doubt(Check::wrong_entry, row, "the reversal is not the entry's mirror");
}

void IdEntries::refunded(const IdRow& row, Details details) {
    const auto said = row.as<Refunding>();
    const Sums claimed = sums_of(details);
    Entry* const of = entry();
    if (of == nullptr)
        return findings_.doubt(Check::wrong_entry, row, "refunded, but there is no such entry");
    const bool is_known = !findings_.breaks().any(of->event, row.event);
    of->event = row.event;
    if (!is_known) return of->take_sums(claimed);
    const auto pair = of->pair(said.pair);
    if (!pair) {
        return findings_.doubt(Check::wrong_entry, row,
                               "the refund names no debit and credit of the entry");
    }
    if (of->is_reversed) findings_.doubt(Check::wrong_entry, row, "refunded after the reversal");
    if (!said.names_payer && of->postings[pair->credit].account != said.debited) {
        findings_.doubt(Check::wrong_entry, row,
                        "the refund does not debit the account that was credited");
    }
    if (of->postings[pair->debit].account != said.credited) {
        findings_.doubt(Check::wrong_entry, row,
                        "the refund does not credit the account that was debited");
    }
    if (said.amount > of->left_of(*pair))
        findings_.doubt(Check::wrong_entry, row, "refunded more than was paid");
    Sums expected;
    for (const std::uint32_t posting : {pair->debit, pair->credit})
        expected[posting] = of->refunded_of(posting).plus(said.amount).value_or(Amount::max());
    if (expected != claimed)
        findings_.doubt(Check::wrong_entry, row, "the sums refunded do not follow");
    of->take_sums(claimed);
}

bool IdEntries::is_wrong_account(const Entry& entry, const EntryRefusal& refusal) {
    if (entry.is_elsewhere) return true;
    if (!refusal.is_refund) {
        const auto credit = std::ranges::find(entry.postings, Side::credit, &Booked::side);
        return credit != entry.postings.end() && credit->account != refusal.account;
    }
    const auto pair = entry.pair(refusal.pair);
    return pair && !refusal.names_payer && entry.postings[pair->credit].account != refusal.account;
}

/// The postings on this shard of a reversal or refund that was refused. What goes back to another
/// shard stands on a transit account, which is never in the way.
std::vector<Booked> IdEntries::undoing(const Entry& entry, const EntryRefusal& refusal,
                                        const std::optional<Pair>& pair) {
    std::vector<Booked> postings;
    if (!refusal.is_refund) {
        for (const Booked& each : entry.postings) {
            if (entry.leader && each.side == Side::debit) continue;
            postings.push_back({each.amount, each.account, each.asset, opposite(each.side)});
        }
        return postings;
    }
    const Amount amount = refusal.has_amount ? refusal.amount : entry.left_of(*pair);
    postings.push_back({amount, refusal.account, 0, Side::debit});
    if (!entry.leader)
        postings.push_back({amount, entry.postings[pair->debit].account, 0, Side::credit});
    return postings;
}

/// Whether the account that a refusal names could not take what would be undone: by its limit
/// (insufficient_funds), or by the room of its sides (amount_overflow). True where the fold could
/// not tell how the account stood.
bool IdEntries::is_too_much(const Entry& entry, const EntryRefusal& refusal,
                            const std::optional<Pair>& pair, Details details) {
    const std::vector<Booked> postings = undoing(entry, refusal, pair);
    const auto sum_on = [&](std::uint32_t account, Side side) {
        WideSum sum;
        for (const Booked& each : postings) {
            if (each.account == account && each.side == side) sum.add(each.amount);
        }
        return sum;
    };
    bool is_told = false;
    for (const IdRow* detail : details) {
        if (detail->kind == IdRowKind::short_of) {
            const auto said = detail->as<ShortOf>();
            const WideSum bound = sum_on(said.account, said.raises).plus(WideSum(said.left));
            return sum_on(said.account, opposite(said.raises)) > bound;
        }
        if (detail->kind != IdRowKind::room_of) continue;
        is_told = true;
        const auto said = detail->as<RoomOf>();
        // What is on its way back could all come back here.
        const Side needed = entry.leader ? Side::debit : said.side;
        if (sum_on(said.account, needed) > WideSum(said.left)) return true;
    }
    return !is_told;
}

bool IdEntries::is_justified(Outcome outcome, const EntryRefusal& refusal,
                             Details details) const {
    const Entry* const of = entry();
    const bool is_refund = refusal.is_refund;
    const auto pair = of != nullptr && is_refund ? of->pair(refusal.pair) : std::nullopt;
    // Which postings a refund names is not looked at where the entry is undone on another shard.
    const bool is_found = of != nullptr && (!is_refund || pair || of->is_elsewhere);
    if (outcome == Outcome::entry_not_found) return !is_found;
    if (outcome == Outcome::wrong_account) return is_found && is_wrong_account(*of, refusal);
    if (outcome == Outcome::same_account) {
        return pair && !of->is_elsewhere &&
               (refusal.names_payer || !is_wrong_account(*of, refusal)) &&
               of->postings[pair->debit].account == refusal.account;
    }
    if (outcome == Outcome::asset_mismatch) {
        return std::ranges::all_of(details, [&](const IdRow* detail) {
            return detail->kind != IdRowKind::payer_named ||
                   (pair && of->payer == detail->as<PayerSaid>().payer);
        });
    }
    const bool needs_entry =
        outcome == Outcome::already_reversed || outcome == Outcome::already_refunded ||
        outcome == Outcome::refund_exceeds_payment || outcome == Outcome::insufficient_funds ||
        outcome == Outcome::amount_overflow;
    if (!needs_entry) return true;
    if (!is_found || is_wrong_account(*of, refusal)) return false;
    if (outcome == Outcome::already_reversed) return of->is_reversed;
    if (outcome == Outcome::already_refunded)
        return !is_refund && !of->is_reversed && !of->refunded.empty();
    if (of->is_reversed || (!is_refund && !of->refunded.empty())) return false;
    if (!is_refund) {
        return outcome != Outcome::refund_exceeds_payment &&
               is_too_much(*of, refusal, pair, details);
    }
    const Amount left = of->left_of(*pair);
    const bool exceeds = left.is_zero() || (refusal.has_amount && refusal.amount > left);
    if (outcome != Outcome::refund_exceeds_payment)
        return !exceeds && is_too_much(*of, refusal, pair, details);
    return exceeds && std::ranges::all_of(details, [&](const IdRow* detail) {
               return detail->kind != IdRowKind::remaining ||
                      detail->as<Remaining>().amount == left;
           });
}

void IdEntries::refused(const IdRow& row, Details details) const {
    if (is_justified(row.outcome, row.as<EntryRefusal>(), details)) return;
    findings_.doubt(Check::wrong_outcome, row,
                    std::string(to_text(row.outcome)) + " does not follow from the entry");
}

}  // namespace vouch::reconciler
