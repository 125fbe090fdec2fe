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

    /// What a transaction carries so that it fails once the group has moved on; empty before the
    /// group has said anything.
    GroupMetadata metadata();

    /// Waits until the group knows this process otherwise than `before`, or its place is lost:
    /// `fenced`, as await_shard. Returns without a fault when nothing of the kind was heard for as
    /// long as a member may be silent.
    Status await_change(const GroupMetadata& before);

private:
    using TimePoint = std::chrono::steady_clock::time_point;

    explicit Membership(const KafkaLogOptions& options) : options_(options) {}

    enum class Place : std::uint8_t { outside, asked, kept, lost };

    /// Another member of the group.
    struct Other {
        std::string name;  ///< its instance, or what the brokers call who has none; empty: nobody
        std::string host;
    };

    /// What librdkafka's own threads tell. Outlives the handle.
    struct Seen {
        std::atomic<std::int64_t> heartbeat_sent_ms = 0;
        std::atomic<std::int64_t> proof_ms = 0;  ///< when the last heartbeat that was answered went
    };
    Status make_handle();
    void drop_handle();
    Status await_place(TimePoint deadline);
    Status ask_for_place();
    Result<bool> settle_in(TimePoint deadline);
    Result<Other> look() const;
    Fault taken_by(const Other& other) const;
    void run();
    Status turn();
    Status settle();
    void note_identity();
    void take_offered();
    void end(const Fault& fault);
    bool was_silent() const;
    std::string topic() const { return commands_topic(options_); }
    static rd_kafka_resp_err_t on_new(rd_kafka_t* handle, const rd_kafka_conf_t*, void* opaque,
                                      char*, std::size_t);
    void rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions);

    const KafkaLogOptions options_;
    Seen seen_;
    std::atomic<std::int64_t> looked_ms_ = 0;  ///< when its thread looked last

    // Of whoever joins, then of its own thread alone.
    Handle handle_;
    std::atomic<Place> place_{Place::outside};  ///< its thread changes it
    bool was_in_ = false;                            ///< it has kept a place before
    std::string member_;                             ///< the last name that the group gave it
    std::optional<std::set<std::int32_t>> offered_;  ///< by the group, and not taken yet
    Other beside_;                                   ///< who else it saw when it looked last

    std::mutex calling_;  ///< held while it is told that the place is lost; never under mutex_
    std::function<void(const Fault&)> on_end_;  ///< under calling_

    std::mutex mutex_;  ///< guards what follows
    std::condition_variable changed_;
    std::set<std::int32_t> assigned_;
    std::string identity_;  ///< member and generation, as a transaction carries them
    std::optional<Fault> ended_;

    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace vouch::kafka
