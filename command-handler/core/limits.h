#pragma once

#include "command-handler/core/shard_state.h"
#include "events/entries/arena.h"
#include "events/entries/event.h"

#include <optional>
#include <span>

namespace vouch::command_handler {

/// What a refused caller is told of an account: all that is known as it stands.
Facts facts_about(const ShardState& state, const AccountRow& row);
/// Of an account that is not known here.
Facts facts_about(AccountId unknown);

/// Makes a new change one that leaves the account as it is, with the next version; to be altered.
/// Of a transit account, which may not be open yet:
inline void begin_change(Change& change, AccountNumber number, const AccountStanding& standing) {
    change.account = number;
    change.version = standing.version.next();
    change.totals = standing.totals;
    change.limit = standing.limit();
    change.state = {standing.block, standing.closed};
}
inline void begin_change(Change& change, AccountNumber number, const AccountRow& row) {
    begin_change(change, number, row.standing);
    change.id = row.id;
}
/// The same as a value, which is copied to its place.
Change next_change(AccountNumber number, const AccountRow& row);
Change next_change(AccountNumber transit, const AccountStanding& standing);

/// Adds to the side's posted (or held) total. False when posted + held of that side would reach
/// 2^128.
[[nodiscard]] bool add_posted(Totals& totals, Side side, Amount amount);
[[nodiscard]] bool add_held(Totals& totals, Side side, Amount amount);
/// False when what may yet come back to the account (ShardState::unanswered), and `more` besides,
/// would not fit its credit side as it is in `totals`.
[[nodiscard]] bool has_room_for_returns(const ShardState& state, AccountNumber number,
                                        const Totals& totals, Amount more = Amount());
/// Takes from the side's held total what is known to be there.
void take_held(Totals& totals, Side side, Amount amount);

/// What a hold sets aside goes back: one change for the payer and one for the payee, if there is
/// one. None when there is nothing to go back.
std::span<Change> release_changes(const ShardState& state, const HoldState& hold, Amount amount,
                                  Arena& arena);

/// How much a posting on `side` may add to the account before its limit: empty when nothing caps it
/// (the posting raises the account, or it is unlimited).
std::optional<Amount> cap_of(const ShardState& state, const AccountRow& row, Side side);

/// The account's totals as its limit is judged by: what may yet come back to it
/// (ShardState::unanswered) counts as held credits where credits lower it.
Totals judged_totals(const ShardState& state, const AccountRow& row);

}  // namespace vouch::command_handler
