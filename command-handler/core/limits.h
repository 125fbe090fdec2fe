#pragma once

#include <optional>

#include "command-handler/core/shard_state.h"
#include "events/entries/event.h"

namespace vouch::command_handler {

/// What a refused caller is told of an account: all that is known as it stands.
Facts facts_about(const AccountRow& row);
/// Of an account that is not known here.
Facts facts_about(AccountId unknown);

/// The row as a change that leaves it as it is, with the next version; to be altered.
Change next_change(AccountNumber number, const AccountStanding& standing);

/// Adds to the side's posted (or held) total. False when posted + held of that side would reach 2^128.
[[nodiscard]] bool add_posted(Totals& totals, Side side, Amount amount);
[[nodiscard]] bool add_held(Totals& totals, Side side, Amount amount);
/// Takes from the side's held total what is known to be there.
void take_held(Totals& totals, Side side, Amount amount);

/// How much a posting on `side` may add to the account before its limit: empty when nothing caps it
/// (the posting raises the account, or it is unlimited).
std::optional<Amount> cap_of(const AccountRow& row, Side side);

}  // namespace vouch::command_handler
