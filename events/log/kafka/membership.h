#pragma once

#include "events/log/kafka/group_place.h"
#include "events/log/kafka/options.h"
#include "events/log/kafka/standing.h"
#include "events/world/thread.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace vouch::kafka {

/// This process among the handlers of a deployment: a member of the group that is subscribed to its
/// commands and steps. The group says whose a shard is, and its generation fences whoever was its
/// owner before. Nothing is read through it: shards read their input from the offsets inside the
/// records.
///
/// Whatever becomes of processes, brokers and what lies between them:
/// - Nobody asks for a place but just after the brokers have shown that nobody else is there, and
///   nobody works until they have shown it again, with its own place among what they show.
/// - Of two processes with one instance's name, which a data directory has, the newer one takes the
///   older one's place. The older one ends: the brokers fence it, or it sees a member of its name
///   that it never was.
/// - Who has lost its place, as while a broker restarts, asks for it anew in the same way; once
///   another one is seen there, it ends.
/// - Who was silent for a session (stopped, asleep) ends: another one may work by then.
///
/// Any thread.
class Membership {
public:
    /// Waits until no other instance is in the group. `fenced`, with who it is, when one still is
    /// after the options' patience. Of several that come at once one gets in: who sees another one
    /// once it is in itself goes again, unless its own name comes first; whoever was in before that
    /// does not look again, and so keeps its place.
    static Result<std::unique_ptr<Membership>> join(const KafkaLogOptions& options);
    ~Membership();

    /// Calls `on_end`, on another thread, when the place is lost, or at once if it is; nothing any
    /// more once this was called with an empty one.
    void when_ended(std::function<void(const Fault&)> on_end) {
        standing_.when_ended(std::move(on_end));
    }

    /// Whether the group has confirmed this process's place within the last session, by a clock
    /// that counts sleep. Otherwise another process may have it: what this one knows is no news.
    bool has_proof() const { return place_.has_proof(); }
    /// Waits until the group has confirmed it anew. `fenced` as await_shard, `retriable` when it
    /// has not after `timeout_ms`.
    Status await_proof(std::int64_t timeout_ms);

    /// Waits until the group gives the shard to this process. `fenced` when another process has
    /// taken this one's place, `retriable` when it is not ours after `timeout_ms`.
    Status await_shard(ShardId shard, std::int64_t timeout_ms);

    /// What a transaction carries so that it fails once the group has moved on; empty before the
    /// group has said anything.
    std::string identity() { return standing_.identity(); }

    /// Waits until the group knows this process otherwise than `before`, or its place is lost:
    /// `fenced`, as await_shard. Returns without a fault when nothing of the kind was heard for as
    /// long as a member may be silent.
    Status await_change(const std::string& before);

private:
    explicit Membership(const KafkaLogOptions& options)
        : options_(options), place_(options, standing_) {}

    void run();

    const KafkaLogOptions options_;
    Standing standing_;
    GroupPlace place_;  ///< its thread's, once there is one
    std::atomic<bool> stopping_ = false;
    Thread thread_;
};

}  // namespace vouch::kafka
