#include "tools/server/places/view_follower.h"

#include "events/seal/private_file.h"

#include <utility>

namespace vouch::places {

Result<std::unique_ptr<ViewFollower>> ViewFollower::start(LogReader& log,
                                                          const Deployment& deployment,
                                                          const EpochKeys& keys,
                                                          const std::filesystem::path& directory,
                                                          std::function<void()> changed) {
    if (Status made = create_private_directories(directory); !made) return made.error();
    Result<FileLock> lock = FileLock::take(directory / "lock", kViewsWaitMax);
    if (!lock) return lock.error();
    std::unique_ptr<ViewFollower> self(new ViewFollower(std::move(*lock)));
    Result<std::vector<RecordNumber>> ends = ends_of(log);
    if (!ends) return ends.error();
    self->ends_at_start_ = std::move(*ends);
    Result<std::unique_ptr<projector::ShardViews>> views =
        projector::ShardViews::open(log, deployment, keys, directory,
                                    projector::rocks_view_stores());
    if (!views) return views.error();
    self->views_ = std::move(*views);
    projector::FollowerOptions options;
    options.changed = std::move(changed);
    self->follower_ = std::make_unique<projector::Follower>(log, *self->views_, options);
    return self;
}

Result<std::vector<RecordNumber>> ViewFollower::ends_of(LogReader& log) {
    std::vector<RecordNumber> ends;
    for (std::uint32_t shard = 0; shard < log.shard_count(); ++shard) {
        const Result<RecordNumber> end = log.end(ShardId(shard));
        // Its view says that itself, and nobody waits for what cannot be read.
        const bool is_damaged = !end && end.error().code == FaultCode::corrupt;
        if (!end && !is_damaged) return end.error();
        ends.push_back(end ? *end : RecordNumber(0));
    }
    return ends;
}

bool ViewFollower::is_ready() const {
    for (std::uint32_t shard = 0; shard < ends_at_start_.size(); ++shard) {
        if (next_record(ShardId(shard)) < ends_at_start_[shard] && !fault(ShardId(shard)))
            return false;
    }
    return true;
}

std::optional<Fault> ViewFollower::fault(ShardId shard) const {
    std::optional<Fault> fault = follower_->fault(shard);
    if (fault && fault->code == FaultCode::retriable) return std::nullopt;
    return fault;
}

}  // namespace vouch::places
