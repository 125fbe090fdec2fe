#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "projector/queries/books.h"
#include "projector/views/follower.h"
#include "projector/views/projector.h"
#include "tools/server/places/views.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace vouch::places {

/// The views of a deployment while it is served: kept up to date, and read by any thread.
class ViewFollower {
public:
    /// Takes the views' lock and starts to follow. `changed` is called on the follower's thread
    /// whenever a view has moved or failed; must be quick. Everything referred to outlives it.
    static Result<std::unique_ptr<ViewFollower>> start(LogReader& log, const Deployment& deployment,
                                                       const EpochKeys& keys,
                                                       const std::filesystem::path& directory,
                                                       std::function<void()> changed);
    ViewFollower(const ViewFollower&) = delete;
    ViewFollower& operator=(const ViewFollower&) = delete;

    /// All that follow: any thread.

    /// The log may hold more.
    void notify() { follower_->notify(); }
    /// Names a look at the log's ends that begins now; `changed` is called when it is done.
    std::uint64_t look() { return follower_->look(); }
    /// First record of each shard that was not durable then; empty until the look is done.
    std::optional<std::vector<RecordNumber>> ends(std::uint64_t look) const {
        return follower_->ends(look);
    }
    /// Ends the thread. Views stay readable.
    void stop() { follower_->stop(); }

    /// Grows whenever a view moves, for whoever sees the view where it is then.
    std::uint64_t version() const { return follower_->applied(); }
    /// First record of a shard that its view does not have.
    RecordNumber next_record(ShardId shard) const { return follower_->position(shard); }
    projector::Follower::Lag lag(ShardId shard) const { return follower_->lag(shard); }
    /// True once every view that goes on had reached the log's end as it was at the start.
    bool is_ready() const;
    /// Why a shard's view stands still for good; empty while it goes on.
    std::optional<Fault> fault(ShardId shard) const;

    /// What was found in a shard's view that is not what was written.
    std::optional<Fault> damage(ShardId shard) const { return follower_->damage(shard); }
    /// What people must hear of the start.
    const std::vector<std::string>& warnings() const { return views_->warnings(); }

    /// A reader of the views as they are now.
    Result<projector::Books> books() { return projector::Books::open(views_->stores()); }

private:
    explicit ViewFollower(FileLock lock) : lock_(std::move(lock)) {}

    static Result<std::vector<RecordNumber>> ends_of(LogReader& log);

    FileLock lock_;
    std::vector<RecordNumber> ends_at_start_;
    std::unique_ptr<projector::ShardViews> views_;
    std::unique_ptr<projector::Follower> follower_;  // before the views in destruction
};

}  // namespace vouch::places
