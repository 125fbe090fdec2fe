#pragma once

#include "events/log/embedded/group_writer.h"
#include "events/log/writer_turn.h"
#include "events/world/condition.h"
#include "events/world/mutex.h"
#include "events/world/thread.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace vouch {

/// Commits of all shards, in one order: they wait here, and one thread writes and syncs together
/// what waits together. Destroying it finishes those in flight. Any thread; which calls a shard's
/// writer makes, and what they mean, says Log.
class GroupCommitter {
public:
    /// Called from its thread.
    struct Hooks {
        /// Durable frames can be read from now on; their tickets are not known to be durable yet.
        std::function<void(std::span<const QueuedFrame>)> publish;
        /// Commits are settled: they are durable, or have failed.
        std::function<void()> settled;
    };

    /// `frame_bytes_max`: with header and padding, so that a frame fits a segment.
    GroupCommitter(std::vector<WriterTurn> turns, GroupWriter writer, std::uint64_t next_ticket,
                   std::uint64_t frame_bytes_max, Hooks hooks);
    ~GroupCommitter();
    GroupCommitter(const GroupCommitter&) = delete;
    GroupCommitter& operator=(const GroupCommitter&) = delete;

    Result<ShardEnd> acquire(ShardId shard, Term term);
    Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit);
    Status await(CommitTicket ticket);
    Result<bool> is_durable(CommitTicket ticket);
    std::optional<Fault> failure();

    std::optional<Fault> waits();
    /// Whether room on a full disk is waited for.
    void set_patient(bool is_patient);

private:
    Result<QueuedFrame> frame_of(ShardId shard, const Commit& commit) const;
    void run();
    bool wait_for_room(const Fault& full);
    void go_on();
    void settle(std::span<const QueuedFrame> frames);
    void fail(const Fault& fault);

    const Hooks hooks_;
    const std::uint64_t frame_bytes_max_;
    GroupWriter writer_;  ///< the thread's

    Mutex mutex_;  ///< guards what follows
    Condition queued_;
    Condition settled_;
    std::vector<QueuedFrame> queue_;
    std::uint64_t next_ticket_;      ///< a ticket is the sequence of its frame
    std::uint64_t durable_below_;    ///< tickets below are durable
    std::vector<WriterTurn> turns_;  ///< by shard; their number never changes
    std::optional<Fault> failure_;
    std::optional<Fault> waits_;
    bool is_patient_ = true;
    bool is_stopping_ = false;

    Thread thread_;
};

}  // namespace vouch
