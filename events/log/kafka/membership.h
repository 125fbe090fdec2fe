#pragma once

#include "events/log/kafka/handle.h"
#include "events/log/kafka/options.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

namespace vouch::kafka {

/// This process among the handlers of a deployment: a member of the group that is subscribed to its
/// commands. The group says whose a shard is, and its generation fences whoever was its owner
/// before. Nothing is read through it: shards read their input from the offsets inside the records.
/// Any thread.
class Membership {
public:
    static Result<std::unique_ptr<Membership>> join(const KafkaLogOptions& options);
    ~Membership();

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
    explicit Membership(std::string topic) : topic_(std::move(topic)) {}
    void run();
    void note_identity();
    void rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions);

    const std::string topic_;
    Handle handle_;

    std::mutex mutex_;  ///< guards what follows
    std::condition_variable changed_;
    std::set<std::int32_t> assigned_;
    std::string identity_;  ///< member and generation, as a transaction carries them
    std::optional<Fault> ended_;

    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace vouch::kafka
