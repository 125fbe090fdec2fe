#pragma once

#include "events/log/kafka/shard_committer.h"
#include "events/log/kafka/stop.h"
#include "events/log/writer_turn.h"
#include "events/world/condition.h"
#include "events/world/mutex.h"
#include "events/world/thread.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace vouch::kafka {

/// Commits of all shards side by side: a shard's wait here in order, and a thread of its own
/// commits them. Destroying it finishes those in flight. Any thread; which calls a shard's writer
/// makes, and what they mean, says Log.
class ShardCommitters {
public:
    struct Hooks {
        /// Nothing more is committed here: from now on other writers decide where shards end.
        std::function<void()> failed;
        /// A commit is settled: it is durable, or has failed.
        std::function<void()> settled;
    };

    /// One for each shard, in order. `stop` ends what they wait for when one of them fails.
    ShardCommitters(std::vector<ShardCommitter> committers, Stop& stop, Hooks hooks);
    ~ShardCommitters();
    ShardCommitters(const ShardCommitters&) = delete;
    ShardCommitters& operator=(const ShardCommitters&) = delete;

    /// Once, as acquire: ends what an earlier writer has in flight, and all that it has committed
    /// is shown.
    Status settle(ShardId shard);
    Result<ShardEnd> acquire(ShardId shard, Term term);
    Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit);
    Status await(CommitTicket ticket);
    Result<bool> is_durable(CommitTicket ticket);
    std::optional<Fault> failure();

    /// One shard's failure is the log's. Whoever commits beside it gives up waiting, and what was
    /// in flight is found, or not, by the next writer.
    void fail(const Fault& fault);

private:
    /// What the caller's Commit says, without the caller's arrays; the bytes stay the caller's.
    struct Queued {
        CommitTicket ticket;
        RecordNumber number;
        std::vector<ByteView> record;
        InputPosition next;
        std::vector<OutgoingSteps> steps;
    };
    struct Shard {
        Shard(ShardId shard, ShardCommitter with)
            : id(shard), committer(std::move(with)), turn(shard, RecordNumber(0)) {}
        const ShardId id;
        Mutex committing;  ///< held while the committer is used; never under mutex_
        ShardCommitter committer;
        std::atomic<bool> is_settled = false;  ///< set while committing is held
        // Under mutex_:
        WriterTurn turn;
        std::deque<Queued> queue;             ///< the first is being committed
        bool is_busy = false;                 ///< the caller's bytes are in use
        std::optional<CommitTicket> durable;  ///< the last that is
        Thread thread;
    };

    Shard& shard_of(ShardId shard);
    const Shard& shard_of(CommitTicket ticket) const;
    bool is_settled(const Shard& shard, CommitTicket ticket) const;
    Status settled(const Shard& shard, CommitTicket ticket) const;
    void run(Shard& shard);

    Stop& stop_;
    const Hooks hooks_;
    Mutex mutex_;  ///< guards what follows and what a Shard says
    Condition queued_;
    Condition settled_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::uint64_t tickets_ = 0;
    std::optional<Fault> failure_;
    bool closing_ = false;
};

}  // namespace vouch::kafka
