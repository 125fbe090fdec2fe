#include "events/log/kafka/librdkafka/handle.h"
#include "events/log/kafka/librdkafka/parts.h"
#include "events/world/clock.h"

#include <array>
#include <atomic>
#include <thread>
#include <utility>

namespace vouch::kafka::librdkafka {
namespace {

/// Heartbeat's number in the protocol.
constexpr std::int16_t kHeartbeat = 12;

/// The metadata as bytes, to be kept and compared.
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

std::string member_of(rd_kafka_t* handle) {
    char* name = rd_kafka_memberid(handle);
    if (name == nullptr) return {};
    std::string member(name);
    rd_kafka_mem_free(handle, name);
    return member;
}

class StaticMember final : public GroupMember {
public:
    explicit StaticMember(MemberOptions options) : options_(std::move(options)) {
        seen_.proof_ms = options_.proof_ms;
    }
    ~StaticMember() override;
    StaticMember(const StaticMember&) = delete;

    Status make(const std::string& bootstrap);
    Status subscribe() override;
    void poll(int timeout_ms, const std::function<bool(const Assignment&)>& take) override;
    std::optional<Fault> fatal() override;
    std::string name() override { return member_of(handle_.get()); }
    /// Of who has no name yet librdkafka would give one that no broker checks.
    std::string identity() override {
        if (name().empty()) return {};
        return identity_of(GroupMetadata(rd_kafka_consumer_group_metadata(handle_.get())));
    }

private:
    /// What librdkafka's own threads tell. Outlives the handle.
    struct Seen {
        std::atomic<std::int64_t> heartbeat_sent_ms = 0;
        std::atomic<std::int64_t>* proof_ms = nullptr;
    };

    static rd_kafka_resp_err_t on_new(rd_kafka_t* handle, const rd_kafka_conf_t*, void* opaque,
                                      char*, std::size_t);
    void rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions);

    const MemberOptions options_;
    Seen seen_;
    Handle handle_;
    const std::function<bool(const Assignment&)>* take_ = nullptr;  ///< while it is polled
};

rd_kafka_resp_err_t StaticMember::on_new(rd_kafka_t* handle, const rd_kafka_conf_t*, void* opaque,
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
                *seen->proof_ms = seen->heartbeat_sent_ms.load();
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        },
        opaque);
}

Status StaticMember::make(const std::string& bootstrap) {
    Settings settings = reading_settings(bootstrap);
    settings.set("group.id", options_.group)
        .set("group.instance.id", options_.instance)
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", options_.session_ms)
        .set("heartbeat.interval.ms", options_.heartbeat_ms)
        .set("auto.offset.reset", "error");
    rd_kafka_conf_set_opaque(settings.get(), this);
    rd_kafka_conf_interceptor_add_on_new(settings.get(), "vouch", on_new, &seen_);
    rd_kafka_conf_set_rebalance_cb(
        settings.get(),
        [](rd_kafka_t*, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions,
           void* opaque) { static_cast<StaticMember*>(opaque)->rebalance(what, partitions); });
    Result<Handle> handle = std::move(settings).make(RD_KAFKA_CONSUMER);
    if (!handle) return handle.error();
    handle_ = std::move(*handle);
    rd_kafka_poll_set_consumer(handle_.get());
    return {};
}

/// A static member's place stays taken for its session in any case; to close would give back an
/// assignment that was lost, and so take the place once more.
StaticMember::~StaticMember() {
    if (handle_) rd_kafka_destroy_flags(handle_.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

Status StaticMember::subscribe() {
    const Partitions topics(
        rd_kafka_topic_partition_list_new(static_cast<int>(options_.topics.size())));
    for (const std::string& topic : options_.topics)
        rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t error = rd_kafka_subscribe(handle_.get(), topics.get());
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    return Fault{FaultCode::configuration, options_.topics.front() + ": " + name_of(error)};
}

void StaticMember::poll(int timeout_ms, const std::function<bool(const Assignment&)>& take) {
    take_ = &take;
    { const RawMessage message(rd_kafka_consumer_poll(handle_.get(), timeout_ms)); }
    take_ = nullptr;
}

/// The partitions are kept by name alone: with an empty assignment nothing is fetched, and the
/// member keeps its place in the group.
void StaticMember::rebalance(rd_kafka_resp_err_t what,
                             rd_kafka_topic_partition_list_t* partitions) {
    if (take_ == nullptr) return;
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        Assignment given;
        for (int i = 0; i < partitions->cnt; ++i)
            given.partitions.insert(partitions->elems[i].partition);
        if (!(*take_)(given)) return;
        const Partitions none(rd_kafka_topic_partition_list_new(1));
        rd_kafka_assign(handle_.get(), none.get());
    } else if (rd_kafka_assignment_lost(handle_.get()) != 0) {
        (void)(*take_)({Assignment::Kind::lost});
    } else if ((*take_)({Assignment::Kind::taken_back})) {
        rd_kafka_assign(handle_.get(), nullptr);
    }
}

std::optional<Fault> StaticMember::fatal() {
    std::array<char, 512> reason{};
    const rd_kafka_resp_err_t error =
        rd_kafka_fatal_error(handle_.get(), reason.data(), reason.size());
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
    const bool is_fenced = error == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    return Fault{is_fenced ? FaultCode::fenced : FaultCode::storage, reason.data()};
}

constexpr int kForsakenMax = 8;
std::atomic<int> forsaken{0};

/// When a question was not answered, librdkafka may keep a broker's thread for ever, and the end of
/// the handle waits for it: nobody else does.
void forsake(Handle handle) {
    ++forsaken;
    std::thread([handle = std::move(handle)]() mutable {
        handle.reset();
        --forsaken;
    }).detach();
}

/// A handle for one question. Without notices: it is made several times a second while the brokers
/// are away, and each would tell of them.
Result<Handle> asking_handle(const std::string& bootstrap) {
    Settings settings(bootstrap);
    settings.set("log_level", 0);
    rd_kafka_conf_set_error_cb(settings.get(), nullptr);
    return std::move(settings).make(RD_KAFKA_PRODUCER);
}

class Offsets final : public GroupOffsets {
public:
    Offsets(Handle handle, std::string group)
        : handle_(std::move(handle)), group_(std::move(group)) {}

    Result<std::vector<std::optional<std::int64_t>>> committed(
        const std::vector<std::string>& topics, std::int32_t partition, int timeout_ms) override {
        const Partitions asked(
            rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
        for (const std::string& topic : topics)
            rd_kafka_topic_partition_list_add(asked.get(), topic.c_str(), partition);
        const rd_kafka_resp_err_t error =
            rd_kafka_committed(handle_.get(), asked.get(), timeout_ms);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return Fault{FaultCode::retriable, "what " + group_ + " has consumed is not known: " +
                                                   name_of(error)};
        }
        std::vector<std::optional<std::int64_t>> offsets;
        for (const std::string& topic : topics) {
            const rd_kafka_topic_partition_t* found =
                rd_kafka_topic_partition_list_find(asked.get(), topic.c_str(), partition);
            offsets.emplace_back();
            if (found != nullptr && found->offset >= 0) offsets.back() = found->offset;
        }
        return offsets;
    }

private:
    Handle handle_;
    const std::string group_;
};

}  // namespace

Result<std::unique_ptr<GroupMember>> open_member(const std::string& bootstrap,
                                                 const MemberOptions& options) {
    auto member = std::make_unique<StaticMember>(options);
    if (Status made = member->make(bootstrap); !made) return made.error();
    return std::unique_ptr<GroupMember>(std::move(member));
}

/// The group's own broker is asked: it says so when it has not loaded the group yet, where the list
/// of all groups is empty for a moment after a start, and for longer when another broker is to take
/// the group over. By a new handle: librdkafka goes on asking the broker that was the group's
/// before.
Result<std::vector<ShownMember>> members(const std::string& bootstrap, const std::string& group,
                                         int timeout_ms) {
    if (forsaken >= kForsakenMax)
        return Fault{FaultCode::retriable, "too many questions were not answered"};
    Result<Handle> handle = asking_handle(bootstrap);
    if (!handle) return handle.error();
    const char* name = group.c_str();
    const Result<Event> event =
        ask(handle->get(), RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout_ms,
            [&](const rd_kafka_AdminOptions_t* how, rd_kafka_queue_t* queue) {
                rd_kafka_DescribeConsumerGroups(handle->get(), &name, 1, how, queue);
            });
    if (!event) {
        forsake(std::move(*handle));
        return event.error();
    }
    std::size_t count = 0;
    const auto* const* groups = rd_kafka_DescribeConsumerGroups_result_groups(
        rd_kafka_event_DescribeConsumerGroups_result(event->get()), &count);
    if (count != 1) return Fault{FaultCode::retriable, "no answer"};
    if (const rd_kafka_error_t* error = rd_kafka_ConsumerGroupDescription_error(groups[0]))
        return Fault{FaultCode::retriable, rd_kafka_error_string(error)};
    std::vector<ShownMember> shown;
    for (std::size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(groups[0]); ++i) {
        const auto* described = rd_kafka_ConsumerGroupDescription_member(groups[0], i);
        const std::string member = rd_kafka_MemberDescription_consumer_id(described);
        const char* instance = rd_kafka_MemberDescription_group_instance_id(described);
        shown.push_back({member, instance != nullptr ? instance : member,
                         rd_kafka_MemberDescription_host(described)});
    }
    return shown;
}

Result<std::unique_ptr<GroupOffsets>> open_group_offsets(const std::string& bootstrap,
                                                         const std::string& group) {
    Settings settings = reading_settings(bootstrap);
    // A transaction that a killed handler left open is not waited for: whether anything was
    // committed before is all that is asked.
    settings.set("group.id", group).set("isolation.level", "read_uncommitted");
    Result<Handle> handle = std::move(settings).make(RD_KAFKA_CONSUMER);
    if (!handle) return handle.error();
    return std::unique_ptr<GroupOffsets>(std::make_unique<Offsets>(std::move(*handle), group));
}

}  // namespace vouch::kafka::librdkafka
