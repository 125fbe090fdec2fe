// Reversals and refunds: what follows from accounts is judged here, what follows from the entry by
// the id check, which alone knows it.
#include "reconciler/limit_rule.h"
#include "reconciler/shard_fold.h"

#include <map>

namespace vouch::reconciler {

namespace {

CommandId entry_of(const CommandBody& body) {
    if (const auto* reverse = std::get_if<Reverse>(&body)) return reverse->entry;
    return std::get<Refund>(body).entry;
}

}  // namespace

void ShardFold::fold_reversal(const CommandDecided& decided) {
    const Derived derived = derive_before_past(books_, decided.command, time_);
    bool is_right = true;
    if (derived.is_sure) {
        if (derived.refusal) {
            is_right = decided.outcome == derived.refusal->outcome;
            if (is_right && decided.facts != derived.refusal->facts) {
                report(Check::wrong_facts, "facts are not the state before the command");
            }
        } else {
            is_right = precedes(Outcome::account_not_found, decided.outcome);
        }
        if (!is_right) {
            report(Check::wrong_outcome,
                   "expected " +
                       std::string(derived.refusal ? to_text(derived.refusal->outcome)
                                                   : "another outcome") +
                       " found " + std::string(to_text(decided.outcome)));
        } else if (!is_accepted(decided.outcome) && !derived.refusal) {
            check_reversal_refused(decided);
        }
    }
    if (is_accepted(decided.outcome)) check_undoing(decided);
    keep_reversal(decided);
}

/// A refusal that names an account must hold of it; the others tell nothing but what is left.
void ShardFold::check_reversal_refused(const CommandDecided& decided) {
    const Facts& facts = decided.facts;
    if (facts.account.is_zero()) {
        Facts remaining;
        if (decided.outcome == Outcome::refund_exceeds_payment)
            remaining.remaining = facts.remaining;
        if (facts != remaining) report(Check::wrong_facts, "facts without an account");
        const auto* refund = std::get_if<Refund>(&decided.command.body);
        const bool is_zero = refund != nullptr && refund->amount && refund->amount->is_zero();
        if ((decided.outcome == Outcome::zero_amount) != is_zero) {
            report(Check::wrong_outcome,
                   is_zero ? "expected zero_amount" : "zero_amount of an amount that is not");
        }
        return;
    }
    const auto number = books_.accounts.find(decided.command.ledger, facts.account);
    if (!number) {
        Facts named;
        named.account = facts.account;
        // The id check looks whether a refund's asset_mismatch names the entry's payer.
        const bool may_be_elsewhere = decided.outcome == Outcome::not_supported_across_shards ||
                                      (decided.outcome == Outcome::asset_mismatch &&
                                       std::holds_alternative<Refund>(decided.command.body));
        if (!may_be_elsewhere || books_.is_here(facts.account) || facts != named) {
            report(Check::wrong_facts, "facts of an account that is not known");
        }
        return;
    }
    const Account& account = books_.accounts.at(*number);
    if (!books_.is_sure(account)) return;
    if (const Facts expected = facts_of(books_, *number); facts != expected) {
        report(Check::wrong_facts, "facts are not the state before the command: " +
                                       describe_difference(expected, facts));
    }
    const bool is_justified =
        (decided.outcome != Outcome::account_closed || account.state.closed) &&
        (decided.outcome != Outcome::debits_frozen || blocks(account.state.block, Side::debit)) &&
        (decided.outcome != Outcome::credits_frozen || blocks(account.state.block, Side::credit)) &&
        (decided.outcome != Outcome::insufficient_funds || !account.limit.is_unlimited()) &&
        (decided.outcome != Outcome::version_mismatch ||
         (decided.command.expected_version &&
          *decided.command.expected_version != account.version));
    if (!is_justified) {
        report(Check::wrong_outcome,
               std::string(to_text(decided.outcome)) + " does not hold of the account it names");
    }
}

/// The changes of an accepted reversal or refund: debits before credits, balanced, each following
/// the row before, on accounts that may take them, within limits afterwards.
void ShardFold::check_undoing(const CommandDecided& decided) {
    const Command& command = decided.command;
    const std::span<const Change> changes = decided.changes;
    std::vector<Leg> legs;
    std::map<Asset, std::pair<WideSum, WideSum>> sums;
    bool is_sure = true;
    Side side = Side::debit;
    for (const Change& change : changes) {
        const Account* account = books_.accounts.known(change.account);
        if (account == nullptr || !change.side) {
            if (!books_.was_broken())
                report(Check::wrong_entry, "a change of no known account, or that is no posting");
            return adopt_all(changes);
        }
        if (change.side == Side::debit && side == Side::credit)
            report(Check::wrong_entry, "a debit after a credit");
        side = *change.side;
        is_sure = is_sure && books_.is_sure(*account);
        legs.push_back({.account = change.account,
                        .posts = change.side,
                        .amount = change.amount,
                        .frees = {},
                        .freed = {},
                        .holds = {},
                        .held = {}});
        auto& [debits, credits] = sums[account->asset];
        (side == Side::debit ? debits : credits).add(change.amount);
        if (!is_sure) continue;
        if (account->ledger != command.ledger)
            report(Check::wrong_account, "an account of another ledger");
        if (account->state.closed || blocks(account->state.block, side)) {
            report(Check::wrong_outcome,
                   "account " + std::to_string(change.account.value()) + " is closed or frozen");
        }
        if (command.amount_decimals && account->asset.scale() != *command.amount_decimals) {
            report(Check::wrong_outcome, "expected asset_mismatch");
        }
    }
    for (const auto& [asset, both] : sums) {
        if (is_sure && both.first != both.second)
            report(Check::unbalanced, asset.text() + ": debits are not credits");
    }
    if (is_sure && command.expected_version) {
        const auto number = books_.accounts.find(command.ledger, deciding_account(command));
        if (number && books_.accounts.at(*number).version != *command.expected_version) {
            report(Check::wrong_outcome, "expected version_mismatch");
        }
    }
    if (const auto* refund = std::get_if<Refund>(&command.body)) {
        check_refund(decided, *refund);
    } else {
        check_reverse(decided, std::get<Reverse>(command.body));
    }
    check_changes(changes, legs);
    if (!is_sure) return;
    for (const Change& change : changes) {
        const Account& account = books_.accounts.at(change.account);
        if (!keeps_limit(guarded_totals(books_, change.account), account.normal(),
                         account.limit)) {
            report(Check::wrong_outcome, "expected insufficient_funds");
            return;
        }
    }
}

void ShardFold::check_reverse(const CommandDecided& decided, const Reverse& reverse) {
    const bool fits = decided.entry && decided.entry->id == reverse.entry &&
                      decided.entry->reversed && decided.entry->refunded.empty();
    if (!fits) report(Check::wrong_entry, "the entry's state is not that of a reversed one");
    if (decided.changes.empty()) return report(Check::wrong_entry, "a reversal without postings");
    if (books_.accounts.at(decided.changes[0].account).id != reverse.account &&
        !books_.was_broken()) {
        report(Check::wrong_account,
               "the reversal does not first debit the account that the command names");
    }
}

void ShardFold::check_refund(const CommandDecided& decided, const Refund& refund) {
    const std::span<const Change> changes = decided.changes;
    const bool fits =
        decided.entry && decided.entry->id == refund.entry && !decided.entry->reversed;
    if (!fits) report(Check::wrong_entry, "the entry's state is not that of a refunded one");
    if (changes.size() != 2 || changes[0].side != Side::debit || changes[1].side != Side::credit) {
        return report(Check::wrong_entry, "a refund is one debit and one credit");
    }
    const Amount amount = changes[0].amount;
    const bool is_as_asked =
        refund.amount ? *refund.amount == amount && !decided.moved : decided.moved == amount;
    if (!is_as_asked || amount.is_zero())
        report(Check::wrong_change, "the amount refunded is not the one asked or told");
    const Account& debit = books_.accounts.at(changes[0].account);
    const Account& credit = books_.accounts.at(changes[1].account);
    if (books_.was_broken()) return;
    if (debit.id != refund.account || (!refund.from.is_zero() && refund.from != refund.account)) {
        report(Check::wrong_account,
               "the refund does not debit the account that the command names");
    }
    if (changes[0].account == changes[1].account)
        report(Check::wrong_outcome, "expected same_account");
    if (debit.asset != credit.asset) report(Check::wrong_outcome, "expected asset_mismatch");
}

RefundedPair ShardFold::pair_of(const Refund& refund) {
    // Naming one of the two finds nothing, as naming a position beyond all postings does.
    constexpr std::uint32_t kNone = ~std::uint32_t{0} - 1;
    RefundedPair pair;
    pair.are_named = refund.debit_posting || refund.credit_posting;
    pair.debit = refund.debit_posting.value_or(kNone);
    pair.credit = refund.credit_posting.value_or(kNone);
    return pair;
}

void ShardFold::keep_reversal(const CommandDecided& decided) {
    const Command& command = decided.command;
    const auto* refund = std::get_if<Refund>(&command.body);
    IdRow row = row_of(refund != nullptr ? IdRowKind::entry_refunded : IdRowKind::entry_reversed,
                       command.ledger, entry_of(command.body));
    row.outcome = static_cast<std::uint8_t>(decided.outcome);
    if (refund != nullptr) {
        row.position = pair_of(*refund).pack();
        row.flags = IdRow::kIsRefund;
        if (!refund->from.is_zero()) row.flags |= IdRow::kFrom;
    }
    if (!is_accepted(decided.outcome)) {
        row.kind = IdRowKind::entry_refused;
        const auto number = books_.accounts.find(command.ledger, deciding_account(command));
        row.first = number ? number->value() + 1 : 0;
        // A payer other than the account named is refused whatever the entry is.
        const bool names_two =
            refund != nullptr && !refund->from.is_zero() && refund->from != refund->account;
        if (row.first == 0 || (names_two && decided.outcome == Outcome::wrong_account)) return;
        if (refund != nullptr && refund->amount) {
            row.flags |= IdRow::kHasAmount;
            row.set_amount(*refund->amount);
        }
        keep(row);
        const AccountId named = decided.facts.account;
        if (decided.outcome == Outcome::asset_mismatch && !named.is_zero() &&
            !books_.is_here(named)) {
            IdRow payer = row_of(IdRowKind::payer_named, command.ledger, entry_of(command.body));
            payer.set_amount(Amount::from_halves(named.high(), named.low()));
            return keep(payer);
        }
        if (!decided.facts.remaining) return;
        IdRow left = row_of(IdRowKind::remaining, command.ledger, entry_of(command.body));
        left.set_amount(decided.facts.remaining->amount);
        return keep(left);
    }
    if (refund != nullptr && decided.changes.size() == 2) {
        row.first = decided.changes[0].account.value();
        row.second = decided.changes[1].account.value();
        row.set_amount(decided.changes[0].amount);
    }
    keep(row);
    if (refund != nullptr) {
        if (!decided.entry) return;
        for (const Refunded& each : decided.entry->refunded) {
            IdRow sum = row_of(IdRowKind::refunded_sum, command.ledger, refund->entry);
            sum.position = each.posting;
            sum.set_amount(each.amount);
            keep(sum);
        }
        return;
    }
    for (std::size_t i = 0; i < decided.changes.size(); ++i) {
        const Change& change = decided.changes[i];
        IdRow posting = row_of(IdRowKind::mirrored, command.ledger, entry_of(command.body));
        posting.position = i;
        posting.first = change.account.value();
        posting.second = asset_number(change.account);
        posting.flags = change.side == Side::credit ? IdRow::kCredit : std::uint8_t{0};
        posting.set_amount(change.amount);
        keep(posting);
    }
}

}  // namespace vouch::reconciler
