// Reversals and refunds: what follows from accounts is judged here, what follows from the entry by
// the id check, which alone knows it.
#include "reconciler/derivation.h"
#include "reconciler/limit_rule.h"
#include "reconciler/shard_fold.h"

#include <algorithm>
#include <array>
#include <map>

namespace vouch::reconciler {

namespace {

/// Whether the facts of a refusal name an account, behind what derive_before_past tells.
enum class Naming : std::uint8_t { account, no_account, impossible };

/// Of all outcomes those are named that a reversal or refund can have.
Naming naming_of(Outcome outcome, bool is_refund) {
    using enum Outcome;
    constexpr std::array kOfAccounts{wrong_account,    asset_mismatch,  account_closed,
                                     debits_frozen,    credits_frozen,  version_mismatch,
                                     insufficient_funds, amount_overflow,
                                     not_supported_across_shards};
    constexpr std::array kOfEntries{entry_not_found, already_reversed};
    if (std::ranges::find(kOfAccounts, outcome) != kOfAccounts.end()) return Naming::account;
    if (std::ranges::find(kOfEntries, outcome) != kOfEntries.end()) return Naming::no_account;
    if (!is_refund)
        return outcome == already_refunded ? Naming::no_account : Naming::impossible;
    if (outcome == same_account) return Naming::account;
    const bool is_of_amount = outcome == zero_amount || outcome == refund_exceeds_payment;
    return is_of_amount ? Naming::no_account : Naming::impossible;
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
    const auto* refund = std::get_if<Refund>(&decided.command.body);
    const Naming naming = naming_of(decided.outcome, refund != nullptr);
    if (naming == Naming::impossible) {
        return report(Check::wrong_outcome, "no " +
                                                std::string(refund ? "refund" : "reversal") +
                                                " ends as " + std::string(to_text(decided.outcome)));
    }
    const bool is_zero = refund != nullptr && refund->amount && refund->amount->is_zero();
    if (is_zero && precedes(Outcome::zero_amount, decided.outcome))
        return report(Check::wrong_outcome, "expected zero_amount");
    if (!is_zero && decided.outcome == Outcome::zero_amount)
        return report(Check::wrong_outcome, "zero_amount of an amount that is not");
    const Facts& facts = decided.facts;
    if (facts.account.is_zero() != (naming == Naming::no_account)) {
        return report(Check::wrong_facts, naming == Naming::no_account
                                              ? "facts of an account, of which the outcome is not"
                                              : "facts without the account that is refused");
    }
    if (naming == Naming::no_account) {
        Facts remaining;
        if (decided.outcome == Outcome::refund_exceeds_payment)
            remaining.remaining = facts.remaining;
        if (facts != remaining) report(Check::wrong_facts, "facts without an account");
        return;
    }
    check_account_refused(decided);
}

/// The account that a refusal names, as it is before the command.
void ShardFold::check_account_refused(const CommandDecided& decided) {
    const Facts& facts = decided.facts;
    const Command& command = decided.command;
    const bool is_refund = std::holds_alternative<Refund>(command.body);
    const auto number = books_.accounts.find(command.ledger, facts.account);
    if (!number) {
        Facts named;
        named.account = facts.account;
        // The id check looks whether a refund's asset_mismatch names the entry's payer.
        const bool may_be_elsewhere = decided.outcome == Outcome::not_supported_across_shards ||
                                      (decided.outcome == Outcome::asset_mismatch && is_refund);
        // A payer other than the account named is refused wherever that is.
        const bool is_named = decided.outcome == Outcome::wrong_account &&
                              facts.account == deciding_account(command);
        if (!(may_be_elsewhere || is_named) || books_.is_here(facts.account) || facts != named) {
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
    if (!is_justified_of(decided, account)) {
        report(Check::wrong_outcome,
               std::string(to_text(decided.outcome)) + " does not hold of the account it names");
    }
}

/// As far as the account alone tells; whether an amount is too much for it, the id check looks.
bool ShardFold::is_justified_of(const CommandDecided& decided, const Account& account) const {
    const Command& command = decided.command;
    const bool is_deciding = account.id == deciding_account(command);
    switch (decided.outcome) {
        case Outcome::account_closed:
            return account.state.closed;
        case Outcome::debits_frozen:
            return blocks(account.state.block, Side::debit);
        case Outcome::credits_frozen:
            return blocks(account.state.block, Side::credit);
        case Outcome::insufficient_funds:
            return !account.limit.is_unlimited();
        case Outcome::version_mismatch:
            return is_deciding && command.expected_version &&
                   *command.expected_version != account.version;
        case Outcome::wrong_account:
            return is_deciding;
        case Outcome::asset_mismatch: {
            if (command.amount_decimals && account.asset.scale() != *command.amount_decimals)
                return true;
            const auto payer = books_.accounts.find(command.ledger, deciding_account(command));
            return std::holds_alternative<Refund>(command.body) &&
                   (!payer || books_.accounts.at(*payer).asset != account.asset);
        }
        case Outcome::same_account:
        case Outcome::amount_overflow:
            return true;
        // Of an account that is on another shard.
        case Outcome::not_supported_across_shards:
            return false;
        // naming_of lets none of these through.
        case Outcome::opened:
        case Outcome::updated:
        case Outcome::frozen:
        case Outcome::unfrozen:
        case Outcome::closed:
        case Outcome::posted:
        case Outcome::held:
        case Outcome::extended:
        case Outcome::captured:
        case Outcome::released:
        case Outcome::reversed:
        case Outcome::refunded:
        case Outcome::done:
        case Outcome::clock_set:
        case Outcome::malformed:
        case Outcome::too_large:
        case Outcome::conflict:
        case Outcome::command_expired:
        case Outcome::account_missing:
        case Outcome::account_not_found:
        case Outcome::account_exists:
        case Outcome::zero_amount:
        case Outcome::unbalanced:
        case Outcome::hold_not_found:
        case Outcome::hold_closed:
        case Outcome::hold_expired:
        case Outcome::exceeds_hold:
        case Outcome::entry_not_found:
        case Outcome::already_reversed:
        case Outcome::already_refunded:
        case Outcome::refund_exceeds_payment:
        case Outcome::not_zero:
        case Outcome::in_use:
        case Outcome::group_failed:
        case Outcome::unanswered:
            return false;
    }
    return false;
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
        if (!has_room(books_, change.account, Side::debit, WideSum()) ||
            !has_room(books_, change.account, Side::credit, WideSum())) {
            report(Check::wrong_outcome, "expected amount_overflow");
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

/// What a refusal claims of the entry, or of an account for it, directly behind its row.
void ShardFold::keep_refusal_facts(const CommandDecided& decided) {
    const Facts& facts = decided.facts;
    const auto row = [&](IdRowKind kind) {
        return row_of(kind, decided.command.ledger, entry_of(decided.command.body));
    };
    if (facts.remaining) {
        IdRow left = row(IdRowKind::remaining);
        left.set_amount(facts.remaining->amount);
        return keep(left);
    }
    if (facts.account.is_zero()) return;
    if (decided.outcome == Outcome::asset_mismatch && !books_.is_here(facts.account)) {
        IdRow payer = row(IdRowKind::payer_named);
        payer.set_amount(Amount::from_halves(facts.account.high(), facts.account.low()));
        return keep(payer);
    }
    const auto number = books_.accounts.find(decided.command.ledger, facts.account);
    if (!number || !books_.is_sure(books_.accounts.at(*number))) return;
    const Account& account = books_.accounts.at(*number);
    if (decided.outcome == Outcome::insufficient_funds) {
        IdRow short_of = row(IdRowKind::short_of);
        short_of.first = number->value();
        short_of.flags = account.normal() == Side::credit ? IdRow::kCredit : std::uint8_t{0};
        short_of.set_amount(
            left_to_lower(guarded_totals(books_, *number), account.normal(), account.limit)
                .value_or(Amount::max()));
        return keep(short_of);
    }
    if (decided.outcome != Outcome::amount_overflow) return;
    for (const Side side : {Side::debit, Side::credit}) {
        IdRow room = row(IdRowKind::room_of);
        room.first = number->value();
        room.position = static_cast<std::uint64_t>(side);
        room.set_amount(room_on(books_, *number, side));
        keep(room);
    }
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
        return keep_refusal_facts(decided);
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
