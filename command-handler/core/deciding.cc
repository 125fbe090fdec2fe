#include "command-handler/core/deciding.h"

#include "command-handler/core/limits.h"

#include <algorithm>

namespace vouch::command_handler {

bool Deciding::refuse(Outcome outcome, const Facts& told) {
    out.outcome = outcome;
    out.facts = told;
    out.changes = {};
    out.hold.reset();
    out.entry.reset();
    out.moved.reset();
    return true;
}

void clear_result(CommandDecided& decided) {
    decided.changes = {};
    decided.hold.reset();
    decided.entry.reset();
    // They are large, and nearly always empty.
    if (!decided.facts.is_empty()) decided.facts = Facts{};
    decided.moved.reset();
    decided.members = {};
}

// With the look-up in it: every command comes through here.
[[gnu::flatten]] Party party(const Deciding& deciding, AccountId id, std::optional<Side> side) {
    Party found;
    found.id = id;
    found.is_remote = !deciding.state.is_local(id);
    found.side = side;
    if (found.is_remote) return found;
    const std::uint32_t number = deciding.state.accounts().find(deciding.ledger(), id);
    if (number == AccountTable::kNone) return found;
    found.number = AccountNumber(number);
    found.row = &deciding.state.accounts().row(found.number);
    return found;
}

Party party(const Deciding& deciding, AccountNumber number, std::optional<Side> side) {
    const AccountRow& row = deciding.state.accounts().row(number);
    return {.id = row.id, .row = &row, .number = number, .is_remote = false, .side = side};
}

bool refuse_expired(Deciding& deciding) {
    const Timestamp expires_at = deciding.command().expires_at;
    return expires_at.value() != 0 && deciding.time >= expires_at &&
           deciding.refuse(Outcome::command_expired);
}

bool refuse_unknown(Deciding& deciding, std::span<const Party> parties) {
    for (const Party& each : parties) {
        if (!each.row && !each.is_remote)
            return deciding.refuse(Outcome::account_not_found, facts_about(each.id));
    }
    return false;
}

bool refuse_assets(Deciding& deciding, std::span<const Party> parties, bool must_agree) {
    const AccountTable& accounts = deciding.state.accounts();
    if (const std::optional<Scale> decimals = deciding.command().amount_decimals) {
        for (const Party& each : parties) {
            if (each.row && accounts.asset(*each.row).scale() != *decimals) {
                return deciding.refuse(Outcome::asset_mismatch,
                                       facts_about(deciding.state, *each.row));
            }
        }
    }
    if (!must_agree) return false;
    const AccountRow* first = nullptr;
    for (const Party& each : parties) {
        if (!each.row) continue;
        if (!first) first = each.row;
        if (each.row->asset_index != first->asset_index) {
            return deciding.refuse(Outcome::asset_mismatch, facts_about(deciding.state, *each.row));
        }
    }
    return false;
}

namespace {

bool refuse_frozen(Deciding& deciding, std::span<const Party> parties, Side side, Outcome outcome) {
    for (const Party& each : parties) {
        if (each.row && each.side == side && blocks(each.row->standing.block, side)) {
            return deciding.refuse(outcome, facts_about(deciding.state, *each.row));
        }
    }
    return false;
}

}  // namespace

bool refuse_standing(Deciding& deciding, std::span<const Party> parties, const Party& decides) {
    for (const Party& each : parties) {
        if (each.row && each.row->standing.closed) {
            return deciding.refuse(Outcome::account_closed, facts_about(deciding.state, *each.row));
        }
    }
    if (refuse_frozen(deciding, parties, Side::debit, Outcome::debits_frozen)) return true;
    if (refuse_frozen(deciding, parties, Side::credit, Outcome::credits_frozen)) return true;
    const std::optional<Version> expected = deciding.command().expected_version;
    if (expected && decides.row && decides.row->standing.version != *expected) {
        return deciding.refuse(Outcome::version_mismatch,
                               facts_about(deciding.state, *decides.row));
    }
    return false;
}

bool refuse_remote(Deciding& deciding, std::span<const Party> parties) {
    for (const Party& each : parties) {
        if (each.is_remote) {
            return deciding.refuse(Outcome::not_supported_across_shards, facts_about(each.id));
        }
    }
    return false;
}

namespace {

/// What the account lets through on `side`; the greatest amount when nothing caps it.
Amount cap_or_max(const ShardState& state, const Party& account, Side side) {
    if (!account.row) return Amount::max();
    return cap_of(state, *account.row, side).value_or(Amount::max());
}

}  // namespace

std::optional<Amount> amount_within_limits(Deciding& deciding, const Party& debit,
                                           const Party& credit, Amount asked, Balancing balancing) {
    const Amount debit_cap = cap_or_max(deciding.state, debit, Side::debit);
    const Amount credit_cap = cap_or_max(deciding.state, credit, Side::credit);
    Amount moved = asked;
    if (caps_debit(balancing)) moved = std::min(moved, debit_cap);
    if (caps_credit(balancing)) moved = std::min(moved, credit_cap);
    // Nothing moved means that some cap is zero; the account it is of is the one that is short.
    if (debit_cap < moved || debit_cap.is_zero()) {
        deciding.refuse(Outcome::insufficient_funds, facts_about(deciding.state, *debit.row));
        return std::nullopt;
    }
    if (credit_cap < moved || credit_cap.is_zero()) {
        deciding.refuse(Outcome::insufficient_funds, facts_about(deciding.state, *credit.row));
        return std::nullopt;
    }
    return moved;
}

}  // namespace vouch::command_handler
