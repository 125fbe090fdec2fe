#pragma once

#include "events/entries/command.h"
#include "events/money/ids.h"

#include <cstdint>
#include <functional>
#include <span>

namespace vouch::command_handler {

/// The shard that decides a command: that of its deciding account, a function of the command's
/// content alone. A command that does not say (Outcome::account_missing) goes to one fixed shard.
/// Not for set_clock, which goes to every shard.
ShardId route(const Command& command, std::uint32_t shard_count);

/// An account, hold or entry that a command touches, so that lines that share one keep their order
/// also when different shards decide them.
struct Touched {
    LedgerId ledger;
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend bool operator==(const Touched&, const Touched&) = default;
};
/// Every account that `command` names, its hold or entry, its own id (which may be one), those of a
/// group's members, and the accounts `behind` the holds and entries that it names
/// (StreamDirectory::behind). Some may come more than once.
void visit_touched(const Command& command, std::span<const AccountId> behind,
                   const std::function<void(const Touched&)>& visit);

/// Every account that `command` or a member of it closes.
void visit_closed(const Command& command, const std::function<void(AccountId)>& visit);

}  // namespace vouch::command_handler
