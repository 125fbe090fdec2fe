#pragma once

#include "events/log/kafka/handle.h"
#include "events/log/kafka/options.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

namespace vouch::kafka {

/// Of the handlers of a deployment.
inline std::string group_name(const KafkaLogOptions& options) { return options.name + ".handlers"; }

/// This process among the handlers of a deployment: a member of the group that is subscribed to its
/// commands and steps. The group says whose a shard is, and its generation fences whoever was its owner
/// before. Nothing is read through it: shards read their input from the offsets inside the records.
///
/// A process that was silent for a session (stopped, asleep) has lost its place for good: it does
/// not come back under the same name, because another one may work by then. Any thread.
class Membership {
public:
    /// Waits until no other instance is in the group. `fenced`, with who it is, when one still is
    /// after the options' patience. Of several that come at once one gets in: who sees another one once
    /// it is in itself goes again, unless its own name comes first; whoever was in before that
    /// does not look again, and so keeps its place.
    static Result<std::unique_ptr<Membership>> join(const KafkaLogOptions& options);
    ~Membership();

    /// Calls `on_end`, on another thread, when the place is lost, or at once if it is; nothing any
    /// more once this was called with an empty one.
    void when_ended(std::function<void(const Fault&)> on_end);

    /// Whether the group has confirmed this process's place within the last session, by a clock that
    /// counts sleep. Otherwise another process may have it: what this one knows is no news.
    bool has_proof() const;
    /// Waits until the group has confirmed it anew. `fenced` as await_shard, `retriable` when it has
    /// not after `timeout_ms`.
    Status await_proof(std::int64_t timeout_ms);

    /// Waits until the group gives the shard to this process. `fenced` when another process has
    /// taken this one's place, `retriable` when it is not ours after `timeout_ms`.
    Status await_shard(ShardId shard, std::int64_t timeout_ms);

    /// What a transaction carries so that it fails once the group has moved on. Fresh.
    GroupMetadata metadata() const;

    /// Waits until the group knows this process otherwise than `before`, or its place is lost:
    /// `fenced`, as await_shard. Returns without a fault when nothing of the kind was heard for as
    /// long as a member may be silent.
    Status await_change(const GroupMetadata& before);

private:
    using TimePoint = std::chrono::steady_clock::time_point;

    explicit Membership(std::string topic) : topic_(std::move(topic)) {}

    /// What librdkafka's own threads tell. Outlives the handle.
    struct Seen {
        std::atomic<std::int64_t> heartbeat_sent_ms = 0;
        std::atomic<std::int64_t> proof_ms = 0;  ///< when the last heartbeat that was answered went
    };
    static Result<std::unique_ptr<Membership>> enter(const KafkaLogOptions& options);
    Result<bool> is_alone(const KafkaLogOptions& options, TimePoint deadline);
    void run();
    void end(const Fault& fault);
    bool was_silent() const;
    void note_identity();
    static rd_kafka_resp_err_t on_new(rd_kafka_t* handle, const rd_kafka_conf_t*, void* opaque,
                                      char*, std::size_t);
    void rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions);

    const std::string topic_;
    std::string instance_;
    Seen seen_;
    Handle handle_;
    std::atomic<std::int64_t> looked_ms_ = 0;  ///< when its thread looked last

    std::mutex calling_;  ///< held while it is told that the place is lost; never under mutex_
    std::function<void(const Fault&)> on_end_;  ///< under calling_

    std::mutex mutex_;  ///< guards what follows
    std::condition_variable changed_;
    bool was_assigned_ = false;  ///< anything, or nothing: the group has it as a member
    std::set<std::int32_t> assigned_;
    std::string identity_;  ///< member and generation, as a transaction carries them
    std::optional<Fault> ended_;

    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace vouch::kafka
