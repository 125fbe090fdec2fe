#include "events/log/kafka/standing.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

namespace vouch::kafka {

void Standing::set_shards(std::set<std::int32_t> shards) {
    {
        const std::lock_guard lock(mutex_);
        shards_ = std::move(shards);
    }
    changed_.notify_all();
}

void Standing::set_identity(std::string identity) {
    {
        const std::lock_guard lock(mutex_);
        if (identity == identity_) return;
        identity_ = std::move(identity);
    }
    changed_.notify_all();
}

void Standing::end(const Fault& fault) {
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        shards_.clear();
        ended_ = fault;
    }
    changed_.notify_all();
    const std::lock_guard calling(calling_);
    if (on_end_) on_end_(fault);
}

void Standing::when_ended(std::function<void(const Fault&)> on_end) {
    const std::lock_guard calling(calling_);
    on_end_ = std::move(on_end);
    std::optional<Fault> ended;
    {
        const std::lock_guard lock(mutex_);
        ended = ended_;
    }
    if (on_end_ && ended) on_end_(*ended);
}

std::string Standing::identity() {
    const std::lock_guard lock(mutex_);
    return identity_;
}

Result<bool> Standing::await_shard(std::int32_t shard, std::int64_t timeout_ms) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(std::max<std::int64_t>(0, timeout_ms)),
                      [&] { return ended_ || shards_.contains(shard); });
    if (ended_) return *ended_;
    return shards_.contains(shard);
}

Status Standing::await_change(const std::string& before, std::int64_t timeout_ms) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                      [&] { return ended_ || identity_ != before; });
    if (ended_) return *ended_;
    return {};
}

Status Standing::await_anything(std::int64_t timeout_ms) {
    std::unique_lock lock(mutex_);
    if (!ended_) changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms));
    if (ended_) return *ended_;
    return {};
}

}  // namespace vouch::kafka
