#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "projector/queries/books.h"
#include "projector/views/projector.h"
#include "tools/vouch/views.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace vouch::http {

/// Keeps the views of all shards up to date with the log, on a thread of its own.
class ViewFollower {
public:
    /// How long a change of the log that nobody told of stays unseen at most: another process's, or
    /// what expired by itself.
    static constexpr std::chrono::milliseconds kLookInterval{20};

    /// Takes the views' lock and starts. `changed` is called on the follower's thread whenever a
    /// view has moved and when it has failed; must be quick. Everything referred to outlives it.
    static Result<std::unique_ptr<ViewFollower>> start(LogReader& log, const Deployment& deployment,
                                                       const EpochKeys& keys,
                                                       const std::filesystem::path& directory,
                                                       std::function<void()> changed);
    ~ViewFollower();
    ViewFollower(const ViewFollower&) = delete;
    ViewFollower& operator=(const ViewFollower&) = delete;

    /// The log may hold more. Any thread; cheap.
    void poke();
    /// Ends the thread. Views stay readable.
    void stop();

    /// Grows whenever a view moves. Any thread.
    std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
    /// First record of a shard that its view does not have. Any thread.
    RecordNumber next_record(ShardId shard) const {
        return RecordNumber(next_records_[shard.value()].load(std::memory_order_acquire));
    }
    /// True once every view had reached the log's end as it was at the start.
    bool is_ready() const { return is_ready_.load(std::memory_order_acquire); }
    bool has_failed() const { return has_failed_.load(std::memory_order_acquire); }
    std::optional<Fault> fault();

    /// A reader of the views as they are now. Any thread.
    Result<projector::Books> books() { return projector::Books::open(views_->stores()); }
    /// First record of each shard that is not durable yet. Any thread.
    Result<std::vector<RecordNumber>> log_ends();

private:
    ViewFollower(LogReader& log, cli::FileLock lock, std::uint32_t shards,
                 std::function<void()> changed);
    void run();
    Status follow_once();

    LogReader& log_;
    cli::FileLock lock_;
    std::function<void()> changed_;
    std::unique_ptr<projector::ShardViews> views_;
    std::vector<std::atomic<std::uint64_t>> next_records_;
    std::atomic<std::uint64_t> version_{1};
    std::atomic<bool> is_ready_{false};
    std::atomic<bool> has_failed_{false};
    std::atomic<bool> has_more_{true};
    std::mutex mutex_;
    std::condition_variable wake_;
    bool is_stopping_ = false;
    std::optional<Fault> fault_;
    std::thread thread_;
};

}  // namespace vouch::http
