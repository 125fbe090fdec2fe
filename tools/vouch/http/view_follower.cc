#include "tools/vouch/http/view_follower.h"

#include "events/seal/private_file.h"

#include <utility>

namespace vouch::http {

namespace {

/// Records applied before readers are told, so that a long way is seen in steps.
constexpr std::uint64_t kRecordsPerStep = 4096;

}  // namespace

ViewFollower::ViewFollower(LogReader& log, cli::FileLock lock, std::uint32_t shards,
                           std::function<void()> changed)
    : log_(log), lock_(std::move(lock)), changed_(std::move(changed)), next_records_(shards) {}

Result<std::unique_ptr<ViewFollower>> ViewFollower::start(LogReader& log,
                                                          const Deployment& deployment,
                                                          const EpochKeys& keys,
                                                          const std::filesystem::path& directory,
                                                          std::function<void()> changed) {
    if (Status made = create_private_directories(directory); !made) return made.error();
    Result<cli::FileLock> lock = cli::FileLock::take(directory / "lock", cli::kViewsWaitMax);
    if (!lock) return lock.error();
    std::unique_ptr<ViewFollower> follower(
        new ViewFollower(log, std::move(*lock), deployment.shards, std::move(changed)));
    Result<std::unique_ptr<projector::ShardViews>> views =
        projector::ShardViews::open(log, deployment, &keys, directory);
    if (!views) return views.error();
    follower->views_ = std::move(*views);
    follower->thread_ = std::thread([self = follower.get()] { self->run(); });
    return follower;
}

ViewFollower::~ViewFollower() { stop(); }

void ViewFollower::poke() {
    // Already known: the follower looks again before it sleeps.
    if (has_more_.exchange(true)) return;
    const std::lock_guard lock(mutex_);
    wake_.notify_one();
}

void ViewFollower::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        wake_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

std::optional<Fault> ViewFollower::fault() {
    const std::lock_guard lock(mutex_);
    return fault_;
}

Result<std::vector<RecordNumber>> ViewFollower::log_ends() {
    std::vector<RecordNumber> ends;
    for (std::uint32_t shard = 0; shard < next_records_.size(); ++shard) {
        const Result<RecordNumber> end = log_.end(ShardId(shard));
        if (!end) return end.error();
        ends.push_back(*end);
    }
    return ends;
}

void ViewFollower::run() {
    for (;;) {
        has_more_.store(false);
        const Status followed = follow_once();
        std::unique_lock lock(mutex_);
        if (!followed) {
            fault_ = followed.error();
            has_failed_.store(true, std::memory_order_release);
            lock.unlock();
            return changed_();
        }
        wake_.wait_for(lock, kLookInterval, [&] { return is_stopping_ || has_more_.load(); });
        if (is_stopping_) return;
    }
}

Status ViewFollower::follow_once() {
    const Result<std::vector<RecordNumber>> ends = log_ends();
    if (!ends) return ends.error();
    for (std::uint32_t i = 0; i < next_records_.size(); ++i) {
        projector::Projector& projector = views_->projector(ShardId(i));
        next_records_[i].store(projector.next_record().value(), std::memory_order_release);
        while (projector.next_record() < (*ends)[i]) {
            const RecordNumber before = projector.next_record();
            const RecordNumber until(
                std::min((*ends)[i].value(), before.value() + kRecordsPerStep));
            if (Status applied = projector.catch_up(until); !applied) return applied;
            next_records_[i].store(projector.next_record().value(), std::memory_order_release);
            version_.fetch_add(1, std::memory_order_acq_rel);
            changed_();
            const std::lock_guard lock(mutex_);
            if (is_stopping_) return {};
        }
    }
    if (!is_ready_.exchange(true)) changed_();
    return {};
}

}  // namespace vouch::http
