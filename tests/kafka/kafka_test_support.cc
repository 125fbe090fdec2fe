#include "tests/kafka/kafka_test_support.h"

#include "events/log/kafka/partition_reader.h"
#include "events/log/kafka/watermarks.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>

namespace vouch::test {
namespace {

/// A broker answers a commit when the commit is certain, and marks it in the partitions afterwards:
/// until then readers do not see it. Waits for those marks, so that a test sees what it committed.
void await_decided(kafka::Watermarks& watermarks, const std::string& topic,
                   std::int32_t partition) {
    constexpr int kTimeoutMs = 10'000, kAnswersMax = 100'000;
    const Result<std::int64_t> high = watermarks.high(topic, partition, kTimeoutMs);
    REQUIRE_MESSAGE(high, fault_of(high));
    for (int answers = 0; answers < kAnswersMax; ++answers) {
        const Result<kafka::Extent> extent = watermarks.extent(topic, partition, kTimeoutMs);
        REQUIRE_MESSAGE(extent, fault_of(extent));
        if (extent->stable_end >= *high) return;
    }
    FAIL("a transaction stays open in ", topic, " partition ", partition);
}

/// How many messages a partition has from `from` on, as an independent reader counts them.
std::size_t count_messages(const KafkaLogOptions& options, const std::string& topic, ShardId shard,
                           Offset from, std::size_t count_max) {
    const auto partition = static_cast<std::int32_t>(shard.value());
    auto watermarks = kafka::Watermarks::open(options.bootstrap);
    REQUIRE(watermarks);
    await_decided(**watermarks, topic, partition);
    const Result<kafka::Extent> extent = (*watermarks)->extent(topic, partition, 10'000);
    REQUIRE_MESSAGE(extent, fault_of(extent));
    const auto begin = static_cast<std::int64_t>(from.value());
    if (begin >= extent->stable_end) return 0;
    auto reader = kafka::PartitionReader::open(options.bootstrap, topic,
                                               kafka::PartitionReader::ReadAhead::far);
    REQUIRE(reader);
    REQUIRE((*reader)->start(partition, begin));
    for (std::size_t count = 0;;) {
        const Result<kafka::Polled> polled = (*reader)->next(10'000);
        REQUIRE_MESSAGE(polled, fault_of(polled));
        REQUIRE(polled->kind != kafka::Polled::Kind::nothing);
        if (polled->kind == kafka::Polled::Kind::message && ++count == count_max) return count;
        if (polled->kind == kafka::Polled::Kind::end && polled->offset >= extent->stable_end) {
            return count;
        }
    }
}

template <class Input, class Read>
Status read_until(std::size_t expected, std::vector<Input>& out, const Read& read) {
    const std::size_t whole = out.size() + expected;
    while (out.size() < whole) {
        if (Status done = read(whole - out.size()); !done) return done;
    }
    return {};
}

}  // namespace

KafkaLogOptions fresh_options(std::uint32_t shards) {
    static std::atomic<int> count = 0;
    const char* bootstrap = std::getenv("VOUCH_KAFKA");
    REQUIRE_MESSAGE(bootstrap != nullptr, "expected the broker's HOST:PORT in VOUCH_KAFKA");
    KafkaLogOptions options;
    options.bootstrap = bootstrap;
    // Unlike every name that another run on this broker took.
    options.name = "t" +
                   std::to_string(std::chrono::system_clock::now().time_since_epoch().count()) +
                   "." + std::to_string(::getpid()) + "." + std::to_string(++count);
    options.shard_count = shards;
    options.replication = kSingleBroker;
    return options;
}

void create(const KafkaLogOptions& options) {
    const Result<Bytes> made = KafkaLog::create(options, bytes_of(kDeploymentText));
    REQUIRE_MESSAGE(made, fault_of(made));
    REQUIRE(text_of(*made) == kDeploymentText);
}

std::unique_ptr<KafkaLog> open_kafka(const KafkaLogOptions& options) {
    Result<std::unique_ptr<KafkaLog>> log = KafkaLog::open(options);
    REQUIRE_MESSAGE(log, fault_of(log));
    return std::move(*log);
}

std::unique_ptr<KafkaLogReader> open_kafka_reader(const KafkaLogOptions& options) {
    Result<std::unique_ptr<KafkaLogReader>> log = KafkaLogReader::open(options);
    REQUIRE_MESSAGE(log, fault_of(log));
    auto watermarks = kafka::Watermarks::open(options.bootstrap);
    REQUIRE(watermarks);
    for (std::uint32_t shard = 0; shard < (*log)->shard_count(); ++shard) {
        await_decided(**watermarks, kafka::events_topic(options), static_cast<std::int32_t>(shard));
    }
    return std::move(*log);
}

Status SettledLog::read_commands(ShardId shard, Offset from, std::size_t batches_max,
                                 std::vector<InputBatch>& out) {
    const std::size_t expected = std::min(
        batches_max,
        count_messages(options_, kafka::commands_topic(options_), shard, from, batches_max));
    return read_until(expected, out, [&](std::size_t missing) {
        const Offset next = out.empty() ? from : std::max(from, out.back().offset.next());
        Status read = log_->read_commands(shard, next, missing, out);
        log_->wait_for_input(shard, {next, Offset(0)}, 10'000);
        return read;
    });
}

Status SettledLog::read_steps(ShardId shard, Offset from, std::size_t batches_max,
                              std::vector<StepInput>& out) {
    const std::size_t expected =
        std::min(batches_max,
                 count_messages(options_, kafka::steps_topic(options_), shard, from, batches_max));
    return read_until(expected, out, [&](std::size_t missing) {
        const Offset next = out.empty() ? from : std::max(from, out.back().offset.next());
        Status read = log_->read_steps(shard, next, missing, out);
        log_->wait_for_input(shard, {Offset(0), next}, 10'000);
        return read;
    });
}

}  // namespace vouch::test
