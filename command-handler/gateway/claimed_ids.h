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

    /// All of them for that shard. The other shard that another stream sends one of them to, and
    /// then none is claimed; empty when there is none.
    std::optional<ShardId> claim(const Command& command, ShardId shard);
    void release();
    /// They stay claimed as long as the gateway lives: their command may still be decided.
    void leave() { claimed_.clear(); }

private:
    IdsInFlight& ids_;
    std::vector<std::pair<LedgerId, CommandId>> claimed_;
};

}  // namespace vouch::command_handler
