#pragma once

#include "command-handler/shard/stopped_shard.h"
#include "events/world/mutex.h"

#include <optional>
#include <vector>

namespace vouch::command_handler {

/// The shards that have stopped so far, and those of which one holds another back. Any thread; its
/// mutex is taken last.
class KnownStops {
public:
    void add(const StoppedShard& stop);
    void add(const HeldBack& held);
    /// Why what the one has in transit to the other gets no outcome; empty when it may get one.
    std::optional<StoppedShard> between(ShardId shard, ShardId other);

private:
    Mutex mutex_;
    std::vector<StoppedShard> stops_;
    std::vector<HeldBack> held_back_;
};

}  // namespace vouch::command_handler
