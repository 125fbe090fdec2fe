#include "command-handler/shard/step_cuts.h"

namespace vouch::command_handler {

std::size_t StepCuts::stop(const StoppedShard& stopped) {
    const std::lock_guard lock(mutex_);
    stops_.emplace(stopped.shard, stopped.fault);
    count_ = stops_.size() + held_.size();
    return stops_.size();
}

void StepCuts::hold_back(const HeldBack& held) {
    const std::lock_guard lock(mutex_);
    held_.emplace(std::pair(held.sender, held.by), held.fault);
    count_ = stops_.size() + held_.size();
}

std::optional<StoppedShard> StepCuts::stop_of(ShardId shard) const { return between(shard, shard); }

std::optional<StoppedShard> StepCuts::between(ShardId one, ShardId other) const {
    if (count_ == 0) return std::nullopt;
    const std::lock_guard lock(mutex_);
    std::optional<StoppedShard> cut = find(one);
    if (!cut) cut = find(other);
    if (!cut) cut = find(one, other);
    return cut ? cut : find(other, one);
}

std::vector<StoppedShard> StepCuts::stopped() const {
    const std::lock_guard lock(mutex_);
    std::vector<StoppedShard> all;
    for (const auto& [shard, fault] : stops_) all.push_back({shard, fault});
    return all;
}

std::vector<HeldBack> StepCuts::held_back() const {
    const std::lock_guard lock(mutex_);
    std::vector<HeldBack> all;
    for (const auto& [pair, fault] : held_) all.push_back({pair.first, pair.second, fault});
    return all;
}

std::optional<StoppedShard> StepCuts::find(ShardId shard) const {
    const auto stop = stops_.find(shard);
    if (stop == stops_.end()) return std::nullopt;
    return StoppedShard{shard, stop->second};
}

std::optional<StoppedShard> StepCuts::find(ShardId sender, ShardId by) const {
    const auto held = held_.find({sender, by});
    if (held == held_.end()) return std::nullopt;
    return HeldBack{sender, by, held->second}.as_stop();
}

}  // namespace vouch::command_handler
