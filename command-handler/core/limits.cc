#include "command-handler/core/limits.h"

#include "events/check.h"

namespace vouch::command_handler {

Facts facts_about(const AccountRow& row) {
    const AccountStanding& standing = row.standing;
    Facts facts;
    facts.account = row.id;
    const std::optional<Amount> left = available(standing.totals, row.normal(), standing.limit());
    facts.available = left ? AmountFact{false, *left} : AmountFact{true, Amount()};
    facts.limit = AmountFact{standing.unlimited, standing.unlimited ? Amount() : standing.limit_below_zero};
    facts.held = AmountFact{false, standing.totals.held(opposite(row.normal()))};
    facts.version = standing.version;
    return facts;
}

Facts facts_about(AccountId unknown) {
    Facts facts;
    facts.account = unknown;
    return facts;
}

Change next_change(AccountNumber number, const AccountStanding& standing) {
    Change change;
    change.account = number;
    change.version = standing.version.next();
    change.totals = standing.totals;
    change.limit = standing.limit();
    change.state = {standing.block, standing.closed};
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

void take_held(Totals& totals, Side side, Amount amount) {
    const std::optional<Amount> held = totals.held(side).minus(amount);
    VOUCH_ASSERT(held.has_value());
    totals.held(side) = *held;
}

std::optional<Amount> cap_of(const AccountRow& row, Side side) {
    if (side == row.normal()) return std::nullopt;
    return available(row.standing.totals, row.normal(), row.standing.limit());
}

}  // namespace vouch::command_handler
