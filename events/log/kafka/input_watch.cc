#include "events/log/kafka/input_watch.h"

#include <pthread.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace vouch::kafka {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookEvery{1'000};
constexpr std::chrono::milliseconds kStillFor{2'000};
constexpr int kWatchTimeoutMs = 5'000;

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
                watermarks_.high(each.topic, each.partition, kWatchTimeoutMs);
            const Result<Extent> extent =
                watermarks_.extent(each.topic, each.partition, kWatchTimeoutMs);
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
