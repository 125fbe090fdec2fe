#pragma once

#include "command-handler/gateway/ids_in_flight.h"
#include "events/entries/command.h"

#include <optional>
#include <utility>
#include <vector>

namespace vouch::command_handler {

/// The ids of a line (its own, and those of a group's members) as long as other streams must not
/// send them elsewhere; what is still claimed at its end is released. One thread.
class ClaimedIds {
public:
    /// `ids` outlives this.
    explicit ClaimedIds(IdsInFlight& ids) : ids_(ids) {}
    ~ClaimedIds() { release(); }
    ClaimedIds(const ClaimedIds&) = delete;
    ClaimedIds& operator=(const ClaimedIds&) = delete;

    /// One of them, which another stream sends to another shard.
    struct Elsewhere {
        ShardId shard;
        std::optional<std::size_t> member;  ///< of the group whose id it is; empty: the line's own
    };
    /// All of them for that shard; none when one is on its way elsewhere, which is then the answer.
    std::optional<Elsewhere> claim(const Command& command, ShardId shard);
    void release();
    /// They stay claimed as long as the gateway lives: their command may still be decided.
    void leave() { claimed_.clear(); }

private:
    IdsInFlight& ids_;
    std::vector<std::pair<LedgerId, CommandId>> claimed_;
};

}  // namespace vouch::command_handler
