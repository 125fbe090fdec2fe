#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/world/clock.h"
#include "events/world/condition.h"
#include "events/world/thread.h"
#include "projector/views/projector.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace vouch::projector {

struct FollowerOptions {
    /// How often the log's ends are asked for while nobody says that there is something new.
    std::chrono::milliseconds look_interval{10};
    /// Records of one shard that are applied before the others have their turn.
    std::uint64_t records_per_turn = 4096;
    /// A view that nothing came to for so long writes its rows out: what reads its files beside the
    /// server then has all of them. Not sooner, for each such file is merged with all others.
    std::chrono::milliseconds write_out_after{std::chrono::minutes{10}};
    /// Called on the follower's thread after a position or fault changed, damage was found, or a
    /// look that was asked for is done; must be quick. May be empty.
    std::function<void()> changed{};
};

/// Keeps all views of a deployment up to date, on one thread of its own, from its making until it
/// is stopped. A view lags by `look_interval` at most while its log can be read, plus the time to
/// apply what came; who knows of a record, and waits for it or calls `notify`, does not wait for
/// the interval.
///
/// A shard whose log or view is at fault stands still; the others go on. A fault that may pass
/// (`retriable`) is tried again after the interval, and so is a log that does not answer (`storage`
/// while the view's store is well), which is told at once to who waits.
///
/// All but the destructor: any thread. `log` and `views` outlive it, and nobody else may use the
/// views' projectors meanwhile; their stores may be read.
class Follower {
public:
    Follower(LogReader& log, ShardViews& views, const FollowerOptions& options = {});
    ~Follower();
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;

    /// Something new may be in the log: look at once.
    void notify();

    /// The first record that the view has not applied.
    RecordNumber position(ShardId shard) const;

    /// Records that all views have applied, for ever: whoever sees a position sees this moved too.
    std::uint64_t applied() const { return applied_count_.load(std::memory_order_acquire); }

    /// Names a look at the log's ends that begins after this call.
    std::uint64_t look();
    /// The ends that this look or a later one found; empty until it is done.
    std::optional<std::vector<RecordNumber>> ends(std::uint64_t look) const;

    /// How far a view is from the log.
    struct Lag {
        std::optional<std::uint64_t> records;  ///< left to apply; empty while that is not known
        std::chrono::nanoseconds time{};       ///< since the view had all that the log had
        std::optional<Timestamp> complete_below;  ///< the time of its newest record; empty without
    };
    Lag lag(ShardId shard) const;

    using Deadline = SteadyTime;
    /// Blocks until the view has applied `record`: true. False when the deadline passes, or the
    /// follower stops, first. The shard's fault when its view will not come there.
    Result<bool> wait_until(ShardId shard, RecordNumber record, Deadline deadline);

    /// What a shard stands still for; empty while all is well.
    std::optional<Fault> fault(ShardId shard) const;

    /// What was found in a shard's view that is not what was written; the view goes on with what
    /// can be read of it.
    std::optional<Fault> damage(ShardId shard) const {
        return views_.stores().at(shard.value())->damage();
    }

    /// Ends after the write at hand; waits of `wait_until` end. Returns when the thread is done.
    /// May be called again, by one thread at a time.
    void stop();

private:
    struct Shard {
        RecordNumber next;
        RecordNumber end;              ///< of the log
        std::uint64_t end_seen_in{};   ///< the look that found it
        std::optional<Fault> fault{};  ///< `retriable`: until it passes
        bool has_store_failed = false;
        bool is_damaged = false;       ///< and that was told
        SteadyTime moved_at{};         ///< it applied something
        bool is_written_out = true;    ///< since then
        SteadyTime whole_at{};         ///< a look then found nothing that is not applied by now
        std::optional<Timestamp> complete_below{};
    };
    void run();
    void begin_look();
    void tell_of_look();
    void look_for_damage(ShardId shard);
    /// True when the shard has more to apply.
    bool take_turn(ShardId shard);
    void see_end(Shard& at, const Result<RecordNumber>& end);
    void note_end(Shard& at, const Result<RecordNumber>& end);
    std::optional<Timestamp> complete_below(ShardId shard) const;

    LogReader& log_;
    ShardViews& views_;
    const FollowerOptions options_;

    mutable Mutex mutex_;
    Condition wake_;     // the follower: notified or stopping
    Condition applied_;  // those who wait: a position or fault changed
    std::vector<Shard> shards_;        // by number
    std::uint64_t look_ = 0;           // that is done now, or was last
    std::uint64_t asked_look_ = 0;
    std::atomic<std::uint64_t> applied_count_{0};
    bool is_notified_ = false;
    bool is_stopping_ = false;
    Thread thread_;  // last: it uses the others
};

}  // namespace vouch::projector
