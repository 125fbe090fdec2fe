#include "events/log/kafka/membership.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace vouch::kafka {
namespace {

/// A member that is silent for so long has lost its shards.
constexpr std::int64_t kSessionTimeoutMs = 6'000;
constexpr std::int64_t kHeartbeatMs = 1'500;
constexpr int kPollMs = 100;

/// The metadata as bytes, to be compared.
std::string identity_of(const GroupMetadata& metadata) {
    if (!metadata) return {};
    void* bytes = nullptr;
    std::size_t size = 0;
    if (const Error error(rd_kafka_consumer_group_metadata_write(metadata.get(), &bytes, &size));
        error) {
        return {};
    }
    std::string identity(static_cast<const char*>(bytes), size);
    rd_kafka_mem_free(nullptr, bytes);
    return identity;
}

}  // namespace

Result<std::unique_ptr<Membership>> Membership::join(const KafkaLogOptions& options) {
    std::unique_ptr<Membership> member(new Membership(commands_topic(options)));
    Settings settings = reading_settings(options.bootstrap);
    settings.set("group.id", options.name + ".handlers")
        .set("group.instance.id", options.name + ".handler." + options.instance)
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", kSessionTimeoutMs)
        .set("heartbeat.interval.ms", kHeartbeatMs)
        .set("auto.offset.reset", "error");
    rd_kafka_conf_set_opaque(settings.get(), member.get());
    rd_kafka_conf_set_rebalance_cb(
        settings.get(),
        [](rd_kafka_t*, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions,
           void* opaque) { static_cast<Membership*>(opaque)->rebalance(what, partitions); });
    Result<Handle> handle = std::move(settings).make(RD_KAFKA_CONSUMER);
    if (!handle) return handle.error();
    member->handle_ = std::move(*handle);
    rd_kafka_poll_set_consumer(member->handle_.get());
    const Partitions topics(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(topics.get(), member->topic_.c_str(), RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t error = rd_kafka_subscribe(member->handle_.get(), topics.get());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return Fault{FaultCode::configuration, member->topic_ + ": " + name_of(error)};
    }
    member->thread_ = std::thread([raw = member.get()] { raw->run(); });
    return member;
}

Membership::~Membership() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
}

/// The shards are kept by name alone: with an empty assignment nothing is fetched, and the member
/// keeps its place in the group.
void Membership::rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions) {
    {
        const std::lock_guard lock(mutex_);
        assigned_.clear();
        if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
            for (int i = 0; i < partitions->cnt; ++i) {
                assigned_.insert(partitions->elems[i].partition);
            }
        }
    }
    changed_.notify_all();
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        const Partitions none(rd_kafka_topic_partition_list_new(1));
        rd_kafka_assign(handle_.get(), none.get());
    } else {
        rd_kafka_assign(handle_.get(), nullptr);
    }
}

void Membership::note_identity() {
    std::string identity = identity_of(metadata());
    {
        const std::lock_guard lock(mutex_);
        if (identity == identity_) return;
        identity_ = std::move(identity);
    }
    changed_.notify_all();
}

Status Membership::await_change(const GroupMetadata& before) {
    const std::string identity = identity_of(before);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(kSessionTimeoutMs),
                      [&] { return ended_ || identity_ != identity; });
    if (ended_) return *ended_;
    return {};
}

void Membership::run() {
    while (!stopping_) {
        const Message message(rd_kafka_consumer_poll(handle_.get(), kPollMs));
        std::array<char, 512> reason{};
        const rd_kafka_resp_err_t fatal =
            rd_kafka_fatal_error(handle_.get(), reason.data(), reason.size());
        if (fatal == RD_KAFKA_RESP_ERR_NO_ERROR) {
            note_identity();
            continue;
        }
        {
            const std::lock_guard lock(mutex_);
            assigned_.clear();
            ended_ = Fault{fatal == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ? FaultCode::fenced
                                                                         : FaultCode::storage,
                           "group of " + topic_ + ": " + reason.data()};
        }
        changed_.notify_all();
        break;
    }
    // Leaving waits for the brokers' answer; a static member's place stays taken for its session.
    rd_kafka_consumer_close(handle_.get());
}

Status Membership::await_shard(ShardId shard, std::int64_t timeout_ms) {
    std::unique_lock lock(mutex_);
    const auto partition = static_cast<std::int32_t>(shard.value());
    changed_.wait_for(lock, std::chrono::milliseconds(std::max<std::int64_t>(0, timeout_ms)),
                      [&] { return ended_ || assigned_.contains(partition); });
    if (ended_) return *ended_;
    if (assigned_.contains(partition)) return {};
    return Fault{FaultCode::retriable, "shard " + std::to_string(shard.value()) +
                                           " is not this process's in the group of " + topic_};
}

GroupMetadata Membership::metadata() const {
    return GroupMetadata(rd_kafka_consumer_group_metadata(handle_.get()));
}

}  // namespace vouch::kafka
