// Reversals and refunds: what follows from accounts is judged here, what follows from the entry by
// the id check, which alone knows it.
#include "reconciler/rules/fold_reversals.h"

#include "events/entries/command_parts.h"
#include "reconciler/rules/account_facts.h"
#include "reconciler/rules/derive.h"
#include "reconciler/rules/limit_rule.h"

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
    constexpr std::array kOfAccounts{
        wrong_account,      asset_mismatch,  account_closed,
        debits_frozen,      credits_frozen,  version_mismatch,
        insufficient_funds, amount_overflow, not_supported_across_shards};
    constexpr std::array kOfEntries{entry_not_found, already_reversed};
    if (std::ranges::find(kOfAccounts, outcome) != kOfAccounts.end()) return Naming::account;
    if (std::ranges::find(kOfEntries, outcome) != kOfEntries.end()) return Naming::no_account;
    if (!is_refund) return outcome == already_refunded ? Naming::no_account : Naming::impossible;
    if (outcome == same_account) return Naming::account;
    const bool is_of_amount = outcome == zero_amount || outcome == refund_exceeds_payment;
    return is_of_amount ? Naming::no_account : Naming::impossible;
}

}  // namespace

void ReversalFold::fold_reversal(const CommandDecided& decided) {
    const Derived derived = derive_before_past(context_.books, decided.command, context_.time);
    bool is_right = true;
    if (derived.is_sure) {
        if (derived.refusal) {
            is_right = decided.outcome == derived.refusal->outcome;
            if (is_right && decided.facts != derived.refusal->facts) {
                context_.report(Check::wrong_facts, "facts are not the state before the command");
            }
        } else {
            is_right = precedes(Outcome::account_not_found, decided.outcome);
        }
        if (!is_right) {
            context_.report(Check::wrong_outcome,
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
void ReversalFold::check_reversal_refused(const CommandDecided& decided) {
    const auto* refund = std::get_if<Refund>(&decided.command.body);
    const Naming naming = naming_of(decided.outcome, refund != nullptr);
    if (naming == Naming::impossible) {
        return context_.report(Check::wrong_outcome,
                               "no " + std::string(refund ? "refund" : "reversal") + " ends as " +
                                   std::string(to_text(decided.outcome)));
    }
    const bool is_zero = refund != nullptr && refund->amount && refund->amount->is_zero();
    if (is_zero && precedes(Outcome::zero_amount, decided.outcome))
        return context_.report(Check::wrong_outcome, "expected zero_amount");
    if (!is_zero && decided.outcome == Outcome::zero_amount)
        return context_.report(Check::wrong_outcome, "zero_amount of an amount that is not");
    const Facts& facts = decided.facts;
    if (facts.account.is_zero() != (naming == Naming::no_account)) {
        return context_.report(Check::wrong_facts,
                               naming == Naming::no_account
                                   ? "facts of an account, of which the outcome is not"
                                   : "facts without the account that is refused");
    }
    if (naming == Naming::no_account) {
        Facts remaining;
        if (decided.outcome == Outcome::refund_exceeds_payment)
            remaining.remaining = facts.remaining;
        if (facts != remaining) context_.report(Check::wrong_facts, "facts without an account");
        return;
    }
    check_account_refused(decided);
}

/// The account that a refusal names, as it is before the command.
void ReversalFold::check_account_refused(const CommandDecided& decided) {
    const Facts& facts = decided.facts;
    const Command& command = decided.command;
    const bool is_refund = std::holds_alternative<Refund>(command.body);
    const auto number = context_.books.accounts.find(command.ledger, facts.account);
    if (!number) {
        Facts named;
        named.account = facts.account;
        // The id check looks whether a refund's asset_mismatch names the entry's payer.
        const bool may_be_elsewhere = decided.outcome == Outcome::not_supported_across_shards ||
                                      (decided.outcome == Outcome::asset_mismatch && is_refund);
        // A payer other than the account named is refused wherever that is.
        const bool is_named =
            decided.outcome == Outcome::wrong_account && facts.account == deciding_account(command);
        if (!(may_be_elsewhere || is_named) || context_.books.is_here(facts.account) ||
            facts != named) {
            context_.report(Check::wrong_facts, "facts of an account that is not known");
        }
        return;
    }
    const Account& account = context_.books.accounts.at(*number);
    if (!context_.books.is_sure(account)) return;
    if (const Facts expected = facts_of(context_.books, *number); facts != expected) {
        context_.report(Check::wrong_facts, "facts are not the state before the command: " +
                                                describe_difference(expected, facts));
    }
    if (!is_justified_of(decided, account)) {
        context_.report(Check::wrong_outcome, std::string(to_text(decided.outcome)) +
                                                  " does not hold of the account it names");
    }
}

/// As far as the account alone tells; whether an amount is too much for it, the id check looks.
bool ReversalFold::is_justified_of(const CommandDecided& decided, const Account& account) const {
    const Command& command = decided.command;
    const bool is_deciding = account.id == deciding_account(command);
    const Outcome found = decided.outcome;
    using enum Outcome;
    if (found == account_closed) return account.state.closed;
    if (found == debits_frozen) return blocks(account.state.block, Side::debit);
    if (found == credits_frozen) return blocks(account.state.block, Side::credit);
    if (found == insufficient_funds) return !account.limit.is_unlimited();
    if (found == wrong_account) return is_deciding;
    if (found == version_mismatch)
        return is_deciding && command.expected_version &&
               *command.expected_version != account.version;
    if (found == asset_mismatch) {
        if (command.amount_decimals && account.asset.scale() != *command.amount_decimals)
            return true;
        const auto payer = context_.books.accounts.find(command.ledger, deciding_account(command));
        return std::holds_alternative<Refund>(command.body) &&
               (!payer || context_.books.accounts.at(*payer).asset != account.asset);
    }
    // The others that name an account are of one that is on another shard.
    return found == same_account || found == amount_overflow;
}

/// The changes of an accepted reversal or refund: debits before credits, balanced, each following
/// the row before, on accounts that may take them, within limits afterwards.
void ReversalFold::check_undoing(const CommandDecided& decided) {
    const Command& command = decided.command;
    const std::span<const Change> changes = decided.changes;
    std::vector<Leg> legs;
    std::map<Asset, std::pair<WideSum, WideSum>> sums;
    bool is_sure = true;
    Side side = Side::debit;
    for (const Change& change : changes) {
        const Account* account = context_.books.accounts.known(change.account);
        if (account == nullptr || !change.side) {
            if (!context_.books.was_broken())
                context_.report(Check::wrong_entry,
                                "a change of no known account, or that is no posting");
            return changes_.adopt_all(changes);
        }
        if (change.side == Side::debit && side == Side::credit)
            context_.report(Check::wrong_entry, "a debit after a credit");
        side = *change.side;
        is_sure = is_sure && context_.books.is_sure(*account);
        legs.push_back({.account = change.account,
                        .posts = change.side,
                        .amount = change.amount,
                        .frees = {},
                        .freed = {},
                        .holds = {},
                        .held = {}});
        auto& [debits, credits] = sums[account->asset];
        (side == Side::debit ? debits : credits).add(change.amount);
        if (is_sure) check_undone(command, *account, change);
    }
    for (const auto& [asset, both] : sums) {
        if (is_sure && both.first != both.second)
            context_.report(Check::unbalanced, asset.text() + ": debits are not credits");
    }
    if (is_sure && command.expected_version) {
        const auto number = context_.books.accounts.find(command.ledger, deciding_account(command));
        if (number && context_.books.accounts.at(*number).version != *command.expected_version) {
            context_.report(Check::wrong_outcome, "expected version_mismatch");
        }
    }
    if (const auto* refund = std::get_if<Refund>(&command.body)) {
        check_refund(decided, *refund);
    } else {
        check_reverse(decided, std::get<Reverse>(command.body));
    }
    changes_.check_changes(changes, legs);
    if (is_sure) check_limits(changes);
}

/// Of the account as it was before the change.
void ReversalFold::check_undone(const Command& command, const Account& account,
                                const Change& change) {
    if (account.ledger != command.ledger)
        context_.report(Check::wrong_account, "an account of another ledger");
    if (account.state.closed || blocks(account.state.block, *change.side)) {
        context_.report(
            Check::wrong_outcome,
            "account " + std::to_string(change.account.value()) + " is closed or frozen");
    }
    if (command.amount_decimals && account.asset.scale() != *command.amount_decimals)
        context_.report(Check::wrong_outcome, "expected asset_mismatch");
}

/// Of the accounts as they are after the changes.
void ReversalFold::check_limits(std::span<const Change> changes) {
    for (const Change& change : changes) {
        const Account& account = context_.books.accounts.at(change.account);
        if (!keeps_limit(guarded_totals(context_.books, change.account), account.normal(),
                         account.limit)) {
            context_.report(Check::wrong_outcome, "expected insufficient_funds");
            return;
        }
        if (!has_room(context_.books, change.account, Side::debit, WideSum()) ||
            !has_room(context_.books, change.account, Side::credit, WideSum())) {
            context_.report(Check::wrong_outcome, "expected amount_overflow");
            return;
        }
    }
}

void ReversalFold::check_reverse(const CommandDecided& decided, const Reverse& reverse) {
    const bool fits = decided.entry && decided.entry->id == reverse.entry &&
                      decided.entry->reversed && decided.entry->refunded.empty();
    if (!fits)
        context_.report(Check::wrong_entry, "the entry's state is not that of a reversed one");
    if (decided.changes.empty())
        return context_.report(Check::wrong_entry, "a reversal without postings");
    if (context_.books.accounts.at(decided.changes[0].account).id != reverse.account &&
        !context_.books.was_broken()) {
        context_.report(Check::wrong_account,
                        "the reversal does not first debit the account that the command names");
    }
}

void ReversalFold::check_refund(const CommandDecided& decided, const Refund& refund) {
    const std::span<const Change> changes = decided.changes;
    const bool fits =
        decided.entry && decided.entry->id == refund.entry && !decided.entry->reversed;
    if (!fits)
        context_.report(Check::wrong_entry, "the entry's state is not that of a refunded one");
    if (changes.size() != 2 || changes[0].side != Side::debit || changes[1].side != Side::credit) {
        return context_.report(Check::wrong_entry, "a refund is one debit and one credit");
    }
    const Amount amount = changes[0].amount;
    const bool is_as_asked =
        refund.amount ? *refund.amount == amount && !decided.moved : decided.moved == amount;
    if (!is_as_asked || amount.is_zero())
        context_.report(Check::wrong_change, "the amount refunded is not the one asked or told");
    const Account& debit = context_.books.accounts.at(changes[0].account);
    const Account& credit = context_.books.accounts.at(changes[1].account);
    if (context_.books.was_broken()) return;
    if (debit.id != refund.account || (!refund.from.is_zero() && refund.from != refund.account)) {
        context_.report(Check::wrong_account,
                        "the refund does not debit the account that the command names");
    }
    if (changes[0].account == changes[1].account)
        context_.report(Check::wrong_outcome, "expected same_account");
    if (debit.asset != credit.asset)
        context_.report(Check::wrong_outcome, "expected asset_mismatch");
}

RefundedPair pair_of(const Refund& refund) {
    // Naming one of the two finds nothing, as naming a position beyond all postings does.
    constexpr std::uint16_t kNone = 0xffff;
    static_assert(kPostingsMax < kNone);
    const auto position_of = [&](std::optional<std::uint32_t> named) {
        return static_cast<std::uint16_t>(std::min<std::uint32_t>(named.value_or(kNone), kNone));
    };
    return {position_of(refund.debit_posting), position_of(refund.credit_posting),
            refund.debit_posting || refund.credit_posting};
}

/// What a refusal claims of the entry, or of an account for it, directly behind its row.
void ReversalFold::keep_refusal_facts(const CommandDecided& decided) {
    const Facts& facts = decided.facts;
    const LedgerId ledger = decided.command.ledger;
    const CommandId entry = entry_of(decided.command.body);
    if (facts.remaining) {
        return context_.keep(IdRowKind::remaining, ledger, entry,
                             Remaining{facts.remaining->amount});
    }
    if (facts.account.is_zero()) return;
    if (decided.outcome == Outcome::asset_mismatch && !context_.books.is_here(facts.account))
        return context_.keep(IdRowKind::payer_named, ledger, entry, PayerSaid{facts.account});
    const auto number = context_.books.accounts.find(ledger, facts.account);
    if (!number || !context_.books.is_sure(context_.books.accounts.at(*number))) return;
    const Account& account = context_.books.accounts.at(*number);
    if (decided.outcome == Outcome::insufficient_funds) {
        const auto left =
            left_to_lower(guarded_totals(context_.books, *number), account.normal(), account.limit);
        return context_.keep(
            IdRowKind::short_of, ledger, entry,
            ShortOf{left.value_or(Amount::max()), number->value(), account.normal()});
    }
    if (decided.outcome != Outcome::amount_overflow) return;
    for (const Side side : {Side::debit, Side::credit}) {
        context_.keep(IdRowKind::room_of, ledger, entry,
                      RoomOf{room_on(context_.books, *number, side), number->value(), side});
    }
}

void ReversalFold::keep_reversal(const CommandDecided& decided) {
    const Command& command = decided.command;
    const CommandId entry = entry_of(command.body);
    if (!is_accepted(decided.outcome)) return keep_refusal(decided, entry);
    const auto* refund = std::get_if<Refund>(&command.body);
    if (refund == nullptr) {
        context_.keep(context_.row_of(IdRowKind::entry_reversed, command.ledger, entry));
        return context_.keep_postings(IdRowKind::mirrored, command.ledger, entry, decided.changes);
    }
    Refunding said{.pair = pair_of(*refund), .names_payer = !refund->from.is_zero()};
    if (decided.changes.size() == 2) {
        said.debited = decided.changes[0].account.value();
        said.credited = decided.changes[1].account.value();
        said.amount = decided.changes[0].amount;
    }
    context_.keep(IdRowKind::entry_refunded, command.ledger, entry, said);
    if (decided.entry) context_.keep_sums(command.ledger, entry, *decided.entry);
}

void ReversalFold::keep_refusal(const CommandDecided& decided, CommandId entry) {
    const Command& command = decided.command;
    const auto* refund = std::get_if<Refund>(&command.body);
    const auto number = context_.books.accounts.find(command.ledger, deciding_account(command));
    // A payer other than the account named is refused whatever the entry is.
    const bool names_two =
        refund != nullptr && !refund->from.is_zero() && refund->from != refund->account;
    if (!number || (names_two && decided.outcome == Outcome::wrong_account)) return;
    EntryRefusal said{.account = number->value()};
    if (refund != nullptr) {
        said.is_refund = true;
        said.pair = pair_of(*refund);
        said.names_payer = !refund->from.is_zero();
        said.has_amount = refund->amount.has_value();
        said.amount = refund->amount.value_or(Amount());
    }
    IdRow row = context_.row_of(IdRowKind::entry_refused, command.ledger, entry, said);
    row.outcome = decided.outcome;
    context_.keep(row);
    keep_refusal_facts(decided);
}

}  // namespace vouch::reconciler
