#include "command-handler/core/limits.h"

#include "events/check.h"

namespace vouch::command_handler {

Facts facts_about(const ShardState& state, const AccountRow& row) {
    const AccountStanding& standing = row.standing;
    Facts facts;
    facts.account = row.id;
    const std::optional<Amount> left =
        available(judged_totals(state, row), row.normal(), standing.limit());
    facts.available = left ? AmountFact{false, *left} : AmountFact{true, Amount()};
    facts.limit =
        AmountFact{standing.unlimited, standing.unlimited ? Amount() : standing.limit_below_zero};
    facts.held = AmountFact{false, standing.totals.held(opposite(row.normal()))};
    facts.version = standing.version;
    return facts;
}

Facts facts_about(AccountId unknown) {
    Facts facts;
    facts.account = unknown;
    return facts;
}

Change next_change(AccountNumber number, const AccountRow& row) {
    Change change;
    begin_change(change, number, row);
    return change;
}

Change next_change(AccountNumber transit, const AccountStanding& standing) {
    Change change;
    begin_change(change, transit, standing);
    return change;
}

bool add_posted(Totals& totals, Side side, Amount amount) {
    const std::optional<Amount> posted = totals.posted(side).plus(amount);
    if (!posted || !posted->plus(totals.held(side))) return false;
    totals.posted(side) = *posted;
    return true;
}

bool add_held(Totals& totals, Side side, Amount amount) {
    const std::optional<Amount> held = totals.held(side).plus(amount);
    if (!held || !held->plus(totals.posted(side))) return false;
    totals.held(side) = *held;
    return true;
}

bool has_room_for_returns(const ShardState& state, AccountNumber number, const Totals& totals,
                          Amount more) {
    std::optional<Amount> sum = totals.credits_posted.plus(totals.credits_held);
    if (sum) sum = sum->plus(state.crossings().unanswered(number));
    return sum && sum->plus(more);
}

void take_held(Totals& totals, Side side, Amount amount) {
    const std::optional<Amount> held = totals.held(side).minus(amount);
    VOUCH_ASSERT(held.has_value());
    totals.held(side) = *held;
}

std::optional<Amount> cap_of(const ShardState& state, const AccountRow& row, Side side) {
    if (side == row.normal() || row.standing.unlimited) return std::nullopt;
    const Limit limit(row.standing.limit_below_zero);
    // Most accounts wait for no answer, and their totals need no copy.
    if (row.crossings == 0) return available(row.standing.totals, row.normal(), limit);
    return available(judged_totals(state, row), row.normal(), limit);
}

Totals judged_totals(const ShardState& state, const AccountRow& row) {
    Totals totals = row.standing.totals;
    if (row.crossings == 0 || row.normal() == Side::credit) return totals;
    // There is room: has_room_for_returns is asked before anything more is credited or held.
    const std::uint32_t number = state.accounts().find(row.ledger, row.id);
    const std::optional<Amount> held =
        totals.credits_held.plus(state.crossings().unanswered(AccountNumber(number)));
    VOUCH_ASSERT(held.has_value());
    totals.credits_held = *held;
    return totals;
}

std::span<Change> release_changes(const ShardState& state, const HoldState& hold, Amount amount,
                                  Arena& arena) {
    if (amount.is_zero()) return {};
    const std::span<Change> changes = arena.make<Change>(hold.payee ? 2 : 1);
    changes[0] = next_change(hold.payer, state.accounts().row(hold.payer));
    take_held(changes[0].totals, Side::debit, amount);
    if (hold.payee) {
        changes[1] = next_change(*hold.payee, state.accounts().row(*hold.payee));
        take_held(changes[1].totals, Side::credit, amount);
    }
    return changes;
}

}  // namespace vouch::command_handler
