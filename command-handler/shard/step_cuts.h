#pragma once

#include "command-handler/shard/stopped_shard.h"
#include "events/world/mutex.h"

#include <atomic>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace vouch::command_handler {

/// Between which shards of one process nothing goes on until the next start, and why: one has
/// stopped, or the other one cannot read its records and takes no steps of it. Any thread.
class StepCuts {
public:
    /// How many have stopped by now.
    std::size_t stop(const StoppedShard& stopped);
    void hold_back(const HeldBack& held);

    std::optional<StoppedShard> stop_of(ShardId shard) const;
    /// Why what waits at one of them for the other does not end; the same shard twice is that
    /// one's.
    std::optional<StoppedShard> between(ShardId one, ShardId other) const;
    bool is_cut(ShardId one, ShardId other) const { return between(one, other).has_value(); }
    /// They only become more.
    std::size_t count() const { return count_; }
    std::vector<StoppedShard> stopped() const;
    std::vector<HeldBack> held_back() const;

private:
    std::optional<StoppedShard> find(ShardId shard) const;
    std::optional<StoppedShard> find(ShardId sender, ShardId by) const;

    mutable Mutex mutex_;
    std::map<ShardId, Fault> stops_;
    std::map<std::pair<ShardId, ShardId>, Fault> held_;  // by sender and receiver
    std::atomic<std::size_t> count_{0};
};

}  // namespace vouch::command_handler
