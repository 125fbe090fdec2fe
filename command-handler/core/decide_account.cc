#include "command-handler/core/deciding.h"
#include "command-handler/core/limits.h"


namespace vouch::command_handler {
namespace {

/// What update, freeze, unfreeze and close have in common: the account must be known here and open.
/// Refuses, or gives the change to alter.
Change* change_of(Deciding& deciding, const Party& account) {
    const std::span<const Party> parties(&account, 1);
    if (refuse_unknown(deciding, parties)) return nullptr;
    if (refuse_assets(deciding, parties, false)) return nullptr;
    if (refuse_standing(deciding, parties, account)) return nullptr;
    if (refuse_remote(deciding, parties)) return nullptr;
    const std::span<Change> changes = deciding.arena.make<Change>(1);
    changes[0] = next_change(account.number, *account.row);
    return changes.data();
}

void accept(Deciding& deciding, const Change* change, Outcome outcome) {
    deciding.out.changes = {change, 1};
    deciding.accept(outcome);
}

}  // namespace

void decide(Deciding& deciding, const OpenAccount& command) {
    const Party account = party(deciding, command.account, std::nullopt);
    if (account.row) {
        deciding.refuse(Outcome::account_exists, facts_about(deciding.state, *account.row));
        return;
    }
    const std::optional<Scale> decimals = deciding.command().amount_decimals;
    if (decimals && *decimals != command.asset.scale()) {
        deciding.refuse(Outcome::asset_mismatch, facts_about(account.id));
        return;
    }
    // An account that does not exist has version 0.
    const std::optional<Version> expected = deciding.command().expected_version;
    if (expected && *expected != Version(0) && !account.is_remote) {
        deciding.refuse(Outcome::version_mismatch, facts_about(account.id));
        return;
    }
    if (refuse_remote(deciding, {&account, 1})) return;
    const std::span<Change> changes = deciding.arena.make<Change>(1);
    changes[0].account = deciding.state.accounts().next();
    changes[0].id = command.account;
    changes[0].version = Version(1);
    changes[0].limit = command.limit;
    accept(deciding, changes.data(), Outcome::opened);
}

void decide(Deciding& deciding, const UpdateAccount& command) {
    const Party account = party(deciding, command.account, std::nullopt);
    Change* change = change_of(deciding, account);
    if (!change) return;
    if (command.limit) {
        change->limit = *command.limit;
        const Totals judged = judged_totals(deciding.state, *account.row);
        if (!is_within_limit(judged, account.row->normal(), change->limit)) {
            deciding.refuse(Outcome::insufficient_funds, facts_about(deciding.state, *account.row));
            return;
        }
    }
    accept(deciding, change, Outcome::updated);
}

void decide(Deciding& deciding, const FreezeAccount& command) {
    Change* change = change_of(deciding, party(deciding, command.account, std::nullopt));
    if (!change) return;
    change->state.block = change->state.block | command.block;
    accept(deciding, change, Outcome::frozen);
}

void decide(Deciding& deciding, const UnfreezeAccount& command) {
    Change* change = change_of(deciding, party(deciding, command.account, std::nullopt));
    if (!change) return;
    change->state.block = without(change->state.block, command.block);
    accept(deciding, change, Outcome::unfrozen);
}

void decide(Deciding& deciding, const CloseAccount& command) {
    const Party account = party(deciding, command.account, std::nullopt);
    Change* change = change_of(deciding, account);
    if (!change) return;
    if (change->totals.debits_posted != change->totals.credits_posted) {
        deciding.refuse(Outcome::not_zero, facts_about(deciding.state, *account.row));
        return;
    }
    if (!change->totals.debits_held.is_zero() || !change->totals.credits_held.is_zero() ||
        account.row->crossings != 0) {
        deciding.refuse(Outcome::in_use, facts_about(deciding.state, *account.row));
        return;
    }
    change->state.closed = true;
    accept(deciding, change, Outcome::closed);
}

}  // namespace vouch::command_handler
