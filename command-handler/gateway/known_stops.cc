#include "command-handler/gateway/known_stops.h"

#include <algorithm>
#include <mutex>

namespace vouch::command_handler {

void KnownStops::add(const StoppedShard& stop) {
    const std::lock_guard lock(mutex_);
    stops_.push_back(stop);
}

void KnownStops::add(const HeldBack& held) {
    const std::lock_guard lock(mutex_);
    held_back_.push_back(held);
}

std::optional<StoppedShard> KnownStops::between(ShardId shard, ShardId other) {
    const std::lock_guard lock(mutex_);
    for (const StoppedShard& each : stops_) {
        if (each.shard == other) return each;
    }
    for (const HeldBack& each : held_back_) {
        if (std::minmax(each.sender, each.by) == std::minmax(shard, other)) return each.as_stop();
    }
    return std::nullopt;
}

}  // namespace vouch::command_handler
