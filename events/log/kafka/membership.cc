#include "events/log/kafka/membership.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <utility>

namespace vouch::kafka {
namespace {

/// A member that is silent for so long has lost its shards.
constexpr std::int64_t kSessionTimeoutMs = 6'000;
constexpr std::int64_t kHeartbeatMs = 1'500;
constexpr int kMemberPollMs = 100;
/// Another one that came at the same time is gone by then: a session after it has gone.
constexpr std::chrono::milliseconds kGoneAfter{2 * kSessionTimeoutMs};
/// One question about who is in the group, and the pause between two.
constexpr int kListTimeoutMs = 5'000;
constexpr std::chrono::milliseconds kPlacePause{200};
/// Heartbeat's number in the protocol.
constexpr std::int16_t kHeartbeat = 12;

/// Also counts what the machine sleeps.
std::int64_t boot_time_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000;
}

std::string instance_name(const KafkaLogOptions& options) {
    return options.name + ".handler." + options.instance;
}

/// A broker names a static member by its instance, a dash and something random: a UUID as text.
std::string_view instance_of(std::string_view member) {
    constexpr std::size_t kDashAndRandom = 1 + 36;
    return member.substr(0, member.size() - std::min(member.size(), kDashAndRandom));
}

/// Another instance in the group of handlers.
struct Other {
    std::string member;  ///< as the brokers name it; empty: nobody
    std::string host;
};

/// Who else is in the group, of several whose name comes first.
Result<Other> other_member(rd_kafka_t* handle, const KafkaLogOptions& options, int timeout_ms) {
    const struct rd_kafka_group_list* groups = nullptr;
    const rd_kafka_resp_err_t error =
        rd_kafka_list_groups(handle, group_name(options).c_str(), &groups, timeout_ms);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return Fault{FaultCode::retriable,
                     "the group " + group_name(options) + " is not known: " + name_of(error)};
    }
    Other other;
    for (int i = 0; i < groups->group_cnt; ++i) {
        for (int j = 0; j < groups->groups[i].member_cnt; ++j) {
            const rd_kafka_group_member_info& member = groups->groups[i].members[j];
            if (instance_of(member.member_id) == instance_name(options)) continue;
            if (other.member.empty() || instance_of(member.member_id) < instance_of(other.member))
                other = {member.member_id, member.client_host};
        }
    }
    rd_kafka_group_list_destroy(groups);
    return other;
}

Fault taken_by(const KafkaLogOptions& options, const Other& other) {
    return {FaultCode::fenced, "another handler has the shards of " + options.name + ": " +
                                   other.member + " at " + other.host};
}

/// Two members would share the shards out between them, and each would be short of some.
Status await_place(const KafkaLogOptions& options, std::chrono::steady_clock::time_point deadline) {
    Result<Handle> handle = reading_settings(options.bootstrap).make(RD_KAFKA_CONSUMER);
    if (!handle) return handle.error();
    while (true) {
        const Result<Other> other = other_member(handle->get(), options, kListTimeoutMs);
        if (other && other->member.empty()) return {};
        if (std::chrono::steady_clock::now() >= deadline) {
            if (!other) return Fault{FaultCode::storage, other.error().message};
            return taken_by(options, *other);
        }
        std::this_thread::sleep_for(kPlacePause);
    }
}

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

rd_kafka_resp_err_t Membership::on_new(rd_kafka_t* handle, const rd_kafka_conf_t*, void* opaque,
                                       char*, std::size_t) {
    rd_kafka_interceptor_add_on_request_sent(
        handle, "vouch",
        [](rd_kafka_t*, int, const char*, std::int32_t, std::int16_t key, std::int16_t,
           std::int32_t, std::size_t, void* seen) {
            if (key == kHeartbeat) static_cast<Seen*>(seen)->heartbeat_sent_ms = boot_time_ms();
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        },
        opaque);
    return rd_kafka_interceptor_add_on_response_received(
        handle, "vouch",
        [](rd_kafka_t*, int, const char*, std::int32_t, std::int16_t key, std::int16_t,
           std::int32_t, std::size_t, std::int64_t, rd_kafka_resp_err_t error, void* opaque_seen) {
            auto* seen = static_cast<Seen*>(opaque_seen);
            if (key == kHeartbeat && error == RD_KAFKA_RESP_ERR_NO_ERROR)
                seen->proof_ms = seen->heartbeat_sent_ms.load();
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        },
        opaque);
}

Result<std::unique_ptr<Membership>> Membership::join(const KafkaLogOptions& options) {
    const TimePoint deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(options.patience_ms);
    while (true) {
        if (Status place = await_place(options, deadline); !place) return place.error();
        Result<std::unique_ptr<Membership>> member = enter(options);
        if (!member) return member.error();
        const Result<bool> stays = (*member)->is_alone(options, deadline);
        if (!stays) return stays.error();
        if (*stays) return member;
    }
}

/// Looks again once the group has it as a member: whoever came at the same time is seen by then, or
/// sees this one. False: it has to go again.
Result<bool> Membership::is_alone(const KafkaLogOptions& options, TimePoint deadline) {
    {
        std::unique_lock lock(mutex_);
        changed_.wait_until(lock, deadline, [&] { return ended_ || was_assigned_; });
        if (ended_) return *ended_;
        if (!was_assigned_) {
            return Fault{FaultCode::storage, "gave up waiting for " + options.bootstrap +
                                                 ": the group " + group_name(options) +
                                                 " lets nobody in"};
        }
    }
    const TimePoint gone = std::min(deadline, std::chrono::steady_clock::now() + kGoneAfter);
    while (true) {
        const Result<Other> other = other_member(handle_.get(), options, kListTimeoutMs);
        if (other && other->member.empty()) return true;
        if (other && instance_of(other->member) < instance_name(options)) return false;
        if (std::chrono::steady_clock::now() >= gone) {
            if (!other) return Fault{FaultCode::storage, other.error().message};
            return false;
        }
        std::this_thread::sleep_for(kPlacePause);
    }
}

Result<std::unique_ptr<Membership>> Membership::enter(const KafkaLogOptions& options) {
    std::unique_ptr<Membership> member(new Membership(commands_topic(options)));
    member->instance_ = options.instance;
    member->looked_ms_ = boot_time_ms();
    Settings settings = reading_settings(options.bootstrap);
    settings.set("group.id", group_name(options))
        .set("group.instance.id", instance_name(options))
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", kSessionTimeoutMs)
        .set("heartbeat.interval.ms", kHeartbeatMs)
        .set("auto.offset.reset", "error");
    rd_kafka_conf_set_opaque(settings.get(), member.get());
    rd_kafka_conf_interceptor_add_on_new(settings.get(), "vouch", on_new, &member->seen_);
    rd_kafka_conf_set_rebalance_cb(
        settings.get(),
        [](rd_kafka_t*, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions,
           void* opaque) { static_cast<Membership*>(opaque)->rebalance(what, partitions); });
    Result<Handle> handle = std::move(settings).make(RD_KAFKA_CONSUMER);
    if (!handle) return handle.error();
    member->handle_ = std::move(*handle);
    rd_kafka_poll_set_consumer(member->handle_.get());
    // Of a topic that no member is subscribed to, brokers forget after a week what was consumed; of
    // both inputs it is to be known. They have a partition for each shard, and one member has them
    // all.
    const Partitions topics(rd_kafka_topic_partition_list_new(2));
    for (const std::string& topic : {commands_topic(options), steps_topic(options)})
        rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
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
    // A static member's place stays taken for its session in any case; to close would give back an
    // assignment that was lost, and so take the place once more.
    rd_kafka_destroy_flags(handle_.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

bool Membership::has_proof() const {
    return boot_time_ms() - seen_.proof_ms <= kSessionTimeoutMs;
}

Status Membership::await_proof(std::int64_t timeout_ms) {
    const std::int64_t began_ms = boot_time_ms();
    std::unique_lock lock(mutex_);
    while (true) {
        if (ended_) return *ended_;
        if (seen_.proof_ms > began_ms) return {};
        if (boot_time_ms() - began_ms > timeout_ms) {
            return Fault{FaultCode::retriable,
                         "the group of " + topic_ + " does not confirm this handler"};
        }
        // Heartbeats come from librdkafka's threads, which tell nobody.
        changed_.wait_for(lock, std::chrono::milliseconds(kMemberPollMs));
    }
}

bool Membership::was_silent() const { return boot_time_ms() - looked_ms_ > kSessionTimeoutMs; }

void Membership::end(const Fault& fault) {
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        assigned_.clear();
        ended_ = fault;
    }
    changed_.notify_all();
    const std::lock_guard calling(calling_);
    if (on_end_) on_end_(fault);
}

void Membership::when_ended(std::function<void(const Fault&)> on_end) {
    const std::lock_guard calling(calling_);
    on_end_ = std::move(on_end);
    std::optional<Fault> ended;
    {
        const std::lock_guard lock(mutex_);
        ended = ended_;
    }
    if (on_end_ && ended) on_end_(*ended);
}

/// The shards are kept by name alone: with an empty assignment nothing is fetched, and the member
/// keeps its place in the group. librdkafka joins again only once an assignment that was lost is
/// given back; after silence it is not.
void Membership::rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions) {
    if (was_silent()) return;  // and the thread ends it
    {
        const std::lock_guard lock(mutex_);
        assigned_.clear();
        if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
            was_assigned_ = true;
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
        looked_ms_ = boot_time_ms();
        const Message message(rd_kafka_consumer_poll(handle_.get(), kMemberPollMs));
        if (was_silent()) {
            end({FaultCode::fenced,
                 "handler " + instance_ + " was stopped for longer than a session of the group of " +
                     topic_ + ": another one may have its shards, and it takes no further part"});
            break;
        }
        std::array<char, 512> reason{};
        const rd_kafka_resp_err_t fatal =
            rd_kafka_fatal_error(handle_.get(), reason.data(), reason.size());
        if (fatal == RD_KAFKA_RESP_ERR_NO_ERROR) {
            note_identity();
            continue;
        }
        end({fatal == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ? FaultCode::fenced : FaultCode::storage,
             "group of " + topic_ + ": " + reason.data()});
        break;
    }
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
