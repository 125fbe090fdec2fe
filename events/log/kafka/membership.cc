#include "events/log/kafka/membership.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <thread>
#include <utility>

namespace vouch::kafka {
namespace {

/// A member that is silent for so long has lost its shards.
constexpr std::int64_t kSessionTimeoutMs = 6'000;
constexpr std::int64_t kHeartbeatMs = 1'500;
constexpr int kMemberPollMs = 100;
/// Another one that came at the same time is gone by then: a session after it has gone.
constexpr std::chrono::milliseconds kGoneAfter{2 * kSessionTimeoutMs};
/// One question about who is in the group, by one who has to go on polling; the pause between two.
constexpr int kLookTimeoutMs = 2'000;
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

}  // namespace

namespace {

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

/// Who else is in the group, of several whose name comes first. A member of this one's instance is
/// another one, and newer, once this one has had a name; before, it is older and makes room.
/// Whoever has asked for a place waits until it is shown itself.
///
/// The group's own broker is asked: it says so when it has not loaded the group yet, where the list
/// of all groups is empty for a moment after a start, and for longer when another broker is to take
/// the group over. By a new handle: librdkafka goes on asking the broker that was the group's
/// before.
Result<Membership::Other> Membership::look() const {
    const std::string group = group_name(options_);
    const auto unknown = [&](const std::string& why) {
        return Fault{FaultCode::retriable, "the group " + group + " is not known: " + why};
    };
    if (forsaken >= kForsakenMax) return unknown("too many questions were not answered");
    Result<Handle> handle = asking_handle(options_.bootstrap);
    if (!handle) return handle.error();
    const char* name = group.c_str();
    const Result<Event> event =
        ask(handle->get(), RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, kLookTimeoutMs,
            [&](const rd_kafka_AdminOptions_t* how, rd_kafka_queue_t* queue) {
                rd_kafka_DescribeConsumerGroups(handle->get(), &name, 1, how, queue);
            });
    if (!event) {
        forsake(std::move(*handle));
        return unknown(event.error().message);
    }
    std::size_t count = 0;
    const auto* const* groups = rd_kafka_DescribeConsumerGroups_result_groups(
        rd_kafka_event_DescribeConsumerGroups_result(event->get()), &count);
    if (count != 1) return unknown("no answer");
    if (const rd_kafka_error_t* error = rd_kafka_ConsumerGroupDescription_error(groups[0]))
        return unknown(rd_kafka_error_string(error));
    Other other;
    bool is_shown = place_ == Place::outside;
    for (std::size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(groups[0]); ++i) {
        const auto* described = rd_kafka_ConsumerGroupDescription_member(groups[0], i);
        const std::string member = rd_kafka_MemberDescription_consumer_id(described);
        const char* instance = rd_kafka_MemberDescription_group_instance_id(described);
        const std::string called = instance != nullptr ? instance : member;
        if (member == member_ || (member_.empty() && called == instance_name(options_))) {
            is_shown = true;
        } else if (other.name.empty() || called < other.name) {
            other = {called, rd_kafka_MemberDescription_host(described)};
        }
    }
    if (!is_shown) return unknown("it does not show this handler");
    return other;
}

Result<std::unique_ptr<Membership>> Membership::join(const KafkaLogOptions& options) {
    TimePoint deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(options.patience_ms);
    while (true) {
        std::unique_ptr<Membership> member(new Membership(options));
        if (Status made = member->make_handle(); !made) return made.error();
        if (Status place = member->await_place(deadline); !place) return place.error();
        if (Status asked = member->ask_for_place(); !asked) return asked.error();
        const Result<bool> stays = member->settle_in(deadline);
        if (!stays) return stays.error();
        if (!*stays) {
            // The other one may end for this one's sake, and is shown for a session more.
            deadline = std::max(deadline, std::chrono::steady_clock::now() + kGoneAfter);
            continue;
        }
        member->thread_ = std::thread([raw = member.get()] { raw->run(); });
        return member;
    }
}

Status Membership::await_place(TimePoint deadline) {
    while (true) {
        const Result<Other> other = look();
        if (other && other->name.empty()) return {};
        if (std::chrono::steady_clock::now() >= deadline) {
            if (!other) return Fault{FaultCode::storage, other.error().message};
            return taken_by(*other);
        }
        std::this_thread::sleep_for(kPlacePause);
    }
}

/// True once the place is its own. False when it has to go again: another one that came at the same
/// time is seen, and two would share the shards out between them, each short of some. Whoever was
/// let in is not sent away for what little is left of its patience.
Result<bool> Membership::settle_in(TimePoint deadline) {
    const TimePoint until = std::max(deadline, std::chrono::steady_clock::now() + kGoneAfter);
    std::optional<TimePoint> gone;
    looked_ms_ = boot_time_ms();
    while (place_ != Place::kept) {
        if (Status turned = turn(); !turned) return turned.error();
        const TimePoint now = std::chrono::steady_clock::now();
        if (beside_.name.empty()) {
            if (now < until) continue;
            return Fault{FaultCode::storage, "gave up waiting for " + options_.bootstrap +
                                                 ": the group " + group_name(options_) +
                                                 " lets nobody in"};
        }
        if (!gone) gone = now + kGoneAfter;
        if (beside_.name < instance_name(options_) || now >= *gone) return false;
    }
    return true;
}

/// A handle that asks for no place yet. The one before is gone with what it would say once its name
/// is lost: for a heartbeat without one, a broker that still knows the name would end it.
Status Membership::make_handle() {
    drop_handle();
    offered_.reset();
    place_ = Place::outside;
    Settings settings = reading_settings(options_.bootstrap);
    settings.set("group.id", group_name(options_))
        .set("group.instance.id", instance_name(options_))
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", kSessionTimeoutMs)
        .set("heartbeat.interval.ms", kHeartbeatMs)
        .set("auto.offset.reset", "error");
    rd_kafka_conf_set_opaque(settings.get(), this);
    rd_kafka_conf_interceptor_add_on_new(settings.get(), "vouch", on_new, &seen_);
    rd_kafka_conf_set_rebalance_cb(
        settings.get(),
        [](rd_kafka_t*, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions,
           void* opaque) { static_cast<Membership*>(opaque)->rebalance(what, partitions); });
    Result<Handle> handle = std::move(settings).make(RD_KAFKA_CONSUMER);
    if (!handle) return handle.error();
    handle_ = std::move(*handle);
    rd_kafka_poll_set_consumer(handle_.get());
    return {};
}

/// A static member's place stays taken for its session in any case; to close would give back an
/// assignment that was lost, and so take the place once more.
void Membership::drop_handle() {
    if (handle_) rd_kafka_destroy_flags(handle_.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

Status Membership::ask_for_place() {
    // Of a topic that no member is subscribed to, brokers forget after a week what was consumed; of
    // both inputs it is to be known. They have a partition for each shard, and one member has them
    // all.
    const Partitions topics(rd_kafka_topic_partition_list_new(2));
    for (const std::string& topic : {commands_topic(options_), steps_topic(options_)})
        rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t error = rd_kafka_subscribe(handle_.get(), topics.get());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return Fault{FaultCode::configuration, topic() + ": " + name_of(error)};
    place_ = Place::asked;
    return {};
}

Membership::~Membership() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    drop_handle();
}

bool Membership::has_proof() const {
    // A heartbeat's time is taken once it is sent: a stop in between would make it look fresh.
    // And an answer to one may be that its place is another's: only who has its place has proof.
    return place_ == Place::kept && boot_time_ms() - seen_.proof_ms <= kSessionTimeoutMs &&
           !was_silent();
}

Status Membership::await_proof(std::int64_t timeout_ms) {
    const std::int64_t began_ms = boot_time_ms();
    std::unique_lock lock(mutex_);
    while (true) {
        if (ended_) return *ended_;
        if (place_ == Place::kept && seen_.proof_ms > began_ms) return {};
        if (boot_time_ms() - began_ms > timeout_ms) {
            return Fault{FaultCode::retriable,
                         "the group of " + topic() + " does not confirm this handler"};
        }
        // Heartbeats come from librdkafka's threads, which tell nobody.
        changed_.wait_for(lock, std::chrono::milliseconds(kMemberPollMs));
    }
}

Fault Membership::taken_by(const Other& other) const {
    return {FaultCode::fenced, "another handler has the shards of " + options_.name + ": " +
                                   other.name + " at " + other.host};
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
/// keeps its place in the group.
void Membership::rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions) {
    if (was_silent()) return;  // and the thread ends it
    offered_.reset();
    {
        const std::lock_guard lock(mutex_);
        assigned_.clear();
    }
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        offered_.emplace();
        for (int i = 0; i < partitions->cnt; ++i) offered_->insert(partitions->elems[i].partition);
        const Partitions none(rd_kafka_topic_partition_list_new(1));
        rd_kafka_assign(handle_.get(), none.get());
    } else if (rd_kafka_assignment_lost(handle_.get()) != 0) {
        place_ = Place::lost;
    } else {
        rd_kafka_assign(handle_.get(), nullptr);
    }
}

Status Membership::settle() {
    if (place_ == Place::lost) {
        if (Status made = make_handle(); !made) return made;
    }
    if (place_ == Place::kept) {
        if (offered_) take_offered();
        return {};
    }
    if (place_ == Place::asked && !offered_) return {};
    const bool was_outside = place_ == Place::outside;
    const Result<Other> other = look();
    // Nobody counts on who is outside: how long a look took, for names that do not resolve, is no
    // silence.
    if (was_outside) looked_ms_ = boot_time_ms();
    if (!other) return {};  // the next turn asks again
    beside_ = *other;
    if (!beside_.name.empty()) {
        const bool is_newer = beside_.name == instance_name(options_);
        return was_in_ || is_newer ? Status(taken_by(beside_)) : Status();
    }
    if (place_ == Place::outside) return ask_for_place();
    place_ = Place::kept;
    was_in_ = true;
    take_offered();
    return {};
}

void Membership::take_offered() {
    {
        const std::lock_guard lock(mutex_);
        assigned_ = std::move(*offered_);
    }
    offered_.reset();
    changed_.notify_all();
}

/// A name that was lost is kept until there is another: brokers refuse what still carries it.
/// Another name is another place, also when librdkafka has asked for it by itself.
void Membership::note_identity() {
    std::string member = member_of(handle_.get());
    if (member.empty()) return;
    if (member != member_ && place_ == Place::kept) place_ = Place::asked;
    member_ = std::move(member);
    std::string identity =
        identity_of(GroupMetadata(rd_kafka_consumer_group_metadata(handle_.get())));
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
        if (Status turned = turn(); !turned) return end(turned.error());
    }
}

Status Membership::turn() {
    { const Message message(rd_kafka_consumer_poll(handle_.get(), kMemberPollMs)); }
    const std::int64_t now = boot_time_ms();
    if (was_silent()) {
        return Fault{FaultCode::fenced,
                     "handler " + options_.instance +
                         " was stopped for longer than a session of the group of " + topic() +
                         ": another one may have its shards, and it takes no further part"};
    }
    looked_ms_ = now;
    std::array<char, 512> reason{};
    const rd_kafka_resp_err_t fatal =
        rd_kafka_fatal_error(handle_.get(), reason.data(), reason.size());
    if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const bool fenced = fatal == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
        return Fault{fenced ? FaultCode::fenced : FaultCode::storage,
                     "group of " + topic() + ": " + reason.data()};
    }
    note_identity();
    return settle();
}

Status Membership::await_shard(ShardId shard, std::int64_t timeout_ms) {
    std::unique_lock lock(mutex_);
    const auto partition = static_cast<std::int32_t>(shard.value());
    changed_.wait_for(lock, std::chrono::milliseconds(std::max<std::int64_t>(0, timeout_ms)),
                      [&] { return ended_ || assigned_.contains(partition); });
    if (ended_) return *ended_;
    if (assigned_.contains(partition)) return {};
    return Fault{FaultCode::retriable, "shard " + std::to_string(shard.value()) +
                                           " is not this process's in the group of " + topic()};
}

GroupMetadata Membership::metadata() {
    const std::lock_guard lock(mutex_);
    rd_kafka_consumer_group_metadata_t* metadata = nullptr;
    const Error error(
        rd_kafka_consumer_group_metadata_read(&metadata, identity_.data(), identity_.size()));
    return GroupMetadata(error ? nullptr : metadata);
}

}  // namespace vouch::kafka
