#include "events/log/kafka/input_watch.h"

#include "events/log/kafka/handle.h"
#include "events/log/kafka/membership.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vouch::kafka {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookEvery{1'000};
constexpr std::chrono::milliseconds kStillFor{2'000};
constexpr int kTimeoutMs = 5'000;
/// Between two questions to brokers that were not ready.
constexpr std::chrono::milliseconds kAskAgain{200};

std::optional<std::int64_t> offset_in(const Partitions& partitions, const std::string& topic,
                                      std::int32_t partition) {
    const rd_kafka_topic_partition_t* found =
        rd_kafka_topic_partition_list_find(partitions.get(), topic.c_str(), partition);
    if (found == nullptr || found->offset < 0) return std::nullopt;
    return found->offset;
}

Fault made_again(const std::string& topic, std::int32_t partition) {
    return {FaultCode::corrupt,
            topic + " partition " + std::to_string(partition) +
                " is not what this shard has read so far: the brokers have forgotten what was "
                "consumed of it, and so it was deleted and made again; its offsets mean other "
                "messages"};
}

/// One of the partitions that are watched.
struct Watched {
    std::string topic;
    std::int32_t partition;
    std::int64_t stable_end = -1;
    Clock::time_point since{};
    bool is_told = false;
};

void tell(const Watched& watched, std::int64_t high, const std::string& bootstrap) {
    std::fprintf(stderr,
                 "vouch: alarm: topic %s partition %d: its stable end stands still at offset %lld "
                 "of %lld: a transaction stays open there, and nothing behind it is read. What "
                 "ends it: kafka-transactions.sh --bootstrap-server %s abort --topic %s "
                 "--partition %d --start-offset %lld\n",
                 watched.topic.c_str(), watched.partition,
                 static_cast<long long>(watched.stable_end), static_cast<long long>(high),
                 bootstrap.c_str(), watched.topic.c_str(), watched.partition,
                 static_cast<long long>(watched.stable_end));
}

}  // namespace

Status check_inputs(const KafkaLogOptions& options) {
    Settings settings = reading_settings(options.bootstrap);
    // A transaction that a killed handler left open is not waited for: whether anything was
    // committed before is all that is asked.
    settings.set("group.id", group_name(options)).set("isolation.level", "read_uncommitted");
    Result<Handle> handle = std::move(settings).make(RD_KAFKA_CONSUMER);
    if (!handle) return handle.error();
    const Partitions partitions(rd_kafka_topic_partition_list_new(8));
    const std::string commands = commands_topic(options), steps = steps_topic(options);
    for (std::uint32_t i = 0; i < options.shard_count; ++i) {
        const auto partition = static_cast<std::int32_t>(i);
        rd_kafka_topic_partition_list_add(partitions.get(), commands.c_str(), partition);
        rd_kafka_topic_partition_list_add(partitions.get(), steps.c_str(), partition);
    }
    const auto deadline = Clock::now() + std::chrono::milliseconds(options.patience_ms);
    // Brokers that have just started do not know at once who answers for the group.
    while (true) {
        const rd_kafka_resp_err_t error =
            rd_kafka_committed(handle->get(), partitions.get(), kTimeoutMs);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) break;
        if (Clock::now() < deadline) {
            std::this_thread::sleep_for(kAskAgain);
            continue;
        }
        return Fault{FaultCode::storage,
                     "what " + group_name(options) + " has consumed is not known: " + name_of(error)};
    }
    for (std::uint32_t i = 0; i < options.shard_count; ++i) {
        const auto partition = static_cast<std::int32_t>(i);
        const bool has_commands = offset_in(partitions, commands, partition).has_value();
        const bool has_steps = offset_in(partitions, steps, partition).has_value();
        const bool is_moved = std::ranges::find(options.moved_inputs, ShardId(i)) !=
                              options.moved_inputs.end();
        if (has_commands == has_steps || is_moved) continue;
        return made_again(has_steps ? commands : steps, partition);
    }
    return {};
}

InputWatch::InputWatch(const KafkaLogOptions& options, Watermarks& watermarks)
    : options_(options), watermarks_(watermarks), thread_([this] { run(); }) {
    ::pthread_setname_np(thread_.native_handle(), "inputs");
}

InputWatch::~InputWatch() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    stopped_.notify_all();
    thread_.join();
}

/// False when it is time to end.
bool InputWatch::pause() {
    std::unique_lock lock(mutex_);
    return !stopped_.wait_for(lock, kLookEvery, [&] { return is_stopping_; });
}

void InputWatch::run() {
    std::vector<Watched> all;
    for (std::uint32_t i = 0; i < options_.shard_count; ++i) {
        for (const std::string& topic : {commands_topic(options_), steps_topic(options_)})
            all.push_back({topic, static_cast<std::int32_t>(i)});
    }
    while (pause()) {
        for (Watched& each : all) {
            // The high watermark first: what is stable then reaches it, unless something is open.
            const Result<std::int64_t> high =
                watermarks_.high(each.topic, each.partition, kTimeoutMs);
            const Result<Extent> extent =
                watermarks_.extent(each.topic, each.partition, kTimeoutMs);
            if (!high || !extent) break;  // whoever needs the brokers says so
            const Clock::time_point now = Clock::now();
            if (extent->stable_end >= *high || extent->stable_end != each.stable_end) {
                each.stable_end = extent->stable_end;
                each.since = now;
                each.is_told = false;
                continue;
            }
            if (each.is_told || now - each.since < kStillFor) continue;
            each.is_told = true;
            tell(each, *high, options_.bootstrap);
        }
    }
}

}  // namespace vouch::kafka
