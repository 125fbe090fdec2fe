#include "events/log/kafka/cluster_watch.h"

#include "events/log/clock.h"
#include "events/log/kafka/topics.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

namespace vouch::kafka {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookEvery{1'000};
constexpr std::chrono::milliseconds kStillFor{2'000};
/// Every so many looks at the inputs there is one at the cluster: its settings change seldom.
constexpr int kLooksOfCluster = 60;
constexpr int kWatchTimeoutMs = 5'000;

/// One of the partitions that are watched.
struct Watched {
    std::string topic;
    std::int32_t partition;
    std::int64_t stable_end = -1;
    Steady::time_point since{};
    Timestamp since_time{0};  ///< the same for people
    std::optional<LogAlarm> alarm{};
};

std::string text_of(const Watched& watched, std::int64_t high, const std::string& bootstrap) {
    const std::string partition = std::to_string(watched.partition);
    const std::string end = std::to_string(watched.stable_end);
    return "topic " + watched.topic + " partition " + partition +
           ": its stable end stands still at offset " + end + " of " + std::to_string(high) +
           ": a transaction stays open there, and nothing behind it is read. What ends it: "
           "kafka-transactions.sh --bootstrap-server " +
           bootstrap + " abort --topic " + watched.topic + " --partition " + partition +
           " --start-offset " + end;
}

void tell(const LogAlarm& alarm) {
    std::fprintf(stderr, "vouch: alarm: %s\n", alarm.what.c_str());
}

/// Sets `alarms` to what is wrong now; what was wrong before is not told again.
void look_at_cluster(const KafkaLogOptions& options, std::vector<LogAlarm>& alarms) {
    const Result<std::vector<Fault>> faults = find_cluster_faults(options);
    if (!faults) return;  // whoever needs the brokers says so
    std::vector<LogAlarm> found;
    for (const Fault& fault : *faults) {
        const auto before = std::ranges::find(alarms, fault.message, &LogAlarm::what);
        found.push_back(before == alarms.end() ? LogAlarm{fault.message, SystemClock().now()}
                                               : *before);
        if (before == alarms.end()) tell(found.back());
    }
    alarms = std::move(found);
}

}  // namespace

ClusterWatch::ClusterWatch(const KafkaLogOptions& options, Watermarks& watermarks)
    : options_(options), watermarks_(watermarks), thread_([this] { run(); }) {
    ::pthread_setname_np(thread_.native_handle(), "inputs");
}

ClusterWatch::~ClusterWatch() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    stopped_.notify_all();
    thread_.join();
}

/// False when it is time to end.
bool ClusterWatch::pause() {
    std::unique_lock lock(mutex_);
    return !stopped_.wait_for(lock, kLookEvery, [&] { return is_stopping_; });
}

void ClusterWatch::run() {
    std::vector<Watched> all;
    for (std::uint32_t i = 0; i < options_.shard_count; ++i) {
        for (const std::string& topic : {commands_topic(options_), steps_topic(options_)})
            all.push_back({topic, static_cast<std::int32_t>(i)});
    }
    KafkaLogOptions impatient = options_;
    impatient.patience_ms = kWatchTimeoutMs;
    std::vector<LogAlarm> of_cluster;
    for (std::int64_t looks = 0; pause(); ++looks) {
        if (looks % kLooksOfCluster == 0) look_at_cluster(impatient, of_cluster);
        for (Watched& each : all) {
            // The high watermark first: what is stable then reaches it, unless something is open.
            const Result<std::int64_t> high =
                watermarks_.high(each.topic, each.partition, kWatchTimeoutMs);
            const Result<Extent> extent =
                watermarks_.extent(each.topic, each.partition, kWatchTimeoutMs);
            if (!high || !extent) break;  // whoever needs the brokers says so
            const Steady::time_point now = Steady::now();
            if (extent->stable_end >= *high || extent->stable_end != each.stable_end) {
                each.stable_end = extent->stable_end;
                each.since = now;
                each.since_time = SystemClock().now();
                each.alarm.reset();
                continue;
            }
            if (each.alarm || now - each.since < kStillFor) continue;
            each.alarm = LogAlarm{text_of(each, *high, options_.bootstrap), each.since_time};
            tell(*each.alarm);
        }
        std::vector<LogAlarm> alarms = of_cluster;
        for (const Watched& each : all) {
            if (each.alarm) alarms.push_back(*each.alarm);
        }
        const std::lock_guard lock(mutex_);
        alarms_ = std::move(alarms);
    }
}

std::vector<LogAlarm> ClusterWatch::alarms() {
    const std::lock_guard lock(mutex_);
    return alarms_;
}

}  // namespace vouch::kafka
