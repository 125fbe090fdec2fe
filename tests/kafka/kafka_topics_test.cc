#include "events/log/kafka/handle.h"
#include "tests/kafka/kafka_test_support.h"

#include <doctest/doctest.h>

namespace vouch {
namespace {

using namespace test;

std::string fault_of_opening(const KafkaLogOptions& options) {
    const Result<std::unique_ptr<KafkaLog>> log = KafkaLog::open(options);
    const Result<std::unique_ptr<KafkaLogReader>> reader = KafkaLogReader::open(options);
    CHECK(fault_of(log) == fault_of(reader));
    return fault_of(log);
}

TEST_CASE("kafka topics: a deployment is made once, and its first message stands") {
    const KafkaLogOptions options = fresh_options(2);
    CHECK(fault_of(KafkaLog::read_deployment(options)) ==
          "configuration: no deployment " + options.name + " at " + options.bootstrap +
              ": no topic " + options.name + ".deployment");
    create(options);
    const Result<Bytes> again = KafkaLog::create(options, bytes_of("another"));
    REQUIRE_MESSAGE(again, fault_of(again));
    CHECK(*again == deployment_bytes());
    CHECK(KafkaLog::read_deployment(options).value() == deployment_bytes());
    KafkaLogOptions whatever = options;
    whatever.shard_count = 0;
    CHECK(open_kafka_reader(whatever)->shard_count() == 2);
}

TEST_CASE("kafka topics: every setting that would lose or refuse records is refused") {
    struct Row {
        const char* topic;
        const char* setting;
        const char* value;
        const char* expected;
    };
    const Row rows[] = {
        {"events", "cleanup.policy", "compact", "delete"},
        {"events", "retention.ms", "604800000", "-1"},
        {"events", "retention.bytes", "1073741824", "-1"},
        {"events", "max.message.bytes", "1048588", "at least 1114112"},
        {"events", "unclean.leader.election.enable", "true", "false"},
        {"steps", "cleanup.policy", "compact", "delete"},
        {"steps", "retention.ms", "604800000", "-1"},
        {"steps", "max.message.bytes", "1048588", "at least 1114112"},
        {"deployment", "retention.ms", "604800000", "-1"},
        {"commands", "cleanup.policy", "compact", "delete"},
        {"commands", "compression.type", "producer", "uncompressed"},
        {"events", "compression.type", "lz4", "uncompressed"},
        {"commands", "max.message.bytes", "104857600", "at most 16777216"},
        {"commands", "max.message.bytes", "1048588", "at least 1114112"},
    };
    const KafkaLogOptions options = fresh_options(1);
    create(options);
    CHECK(fault_of_opening(options) == "no fault");
    for (const Row& row : rows) {
        CAPTURE(row.topic);
        CAPTURE(row.setting);
        const std::string topic = options.name + "." + row.topic;
        TopicSettings settings = kGoodSettings;
        settings[row.setting] = row.value;
        change_settings(options, topic, settings);
        CHECK(fault_of_opening(options) == "configuration: topic " + topic + ": " + row.setting +
                                               " expected " + row.expected + ", found " +
                                               row.value);
        change_settings(options, topic, kGoodSettings);
    }
    // How long commands are kept is the operators' matter.
    TopicSettings short_lived = kGoodSettings;
    short_lived["retention.ms"] = "604800000";
    change_settings(options, options.name + ".commands", short_lived);
    CHECK(fault_of_opening(options) == "no fault");
}

TEST_CASE("kafka topics: another number of shards or too few replicas are refused") {
    const KafkaLogOptions options = fresh_options(2);
    create(options);
    KafkaLogOptions other = options;
    other.shard_count = 3;
    CHECK(fault_of_opening(other) ==
          "configuration: topic " + options.name + ".commands: partitions expected 3, found 2");
    other = options;
    other.replication = KafkaReplication{};
    CHECK(fault_of_opening(other) ==
          "configuration: topic " + options.name +
              ".commands: replicas of partition 0 expected at least 3, found 1");
    other.replication = {1, 2};
    CHECK(fault_of_opening(other) == "configuration: topic " + options.name +
                                         ".commands: min.insync.replicas expected at least 2, "
                                         "found 1");
    other = options;
    other.name += ".absent";
    CHECK(fault_of_opening(other) == "configuration: no deployment " + other.name + " at " +
                                         options.bootstrap + ": no topic " + other.name +
                                         ".events");
    other.name = "no/name";
    CHECK(starts_with(fault_of_opening(other), "configuration: a deployment's name on Kafka"));
}

TEST_CASE("kafka topics: what brokers let others do to all readers, and their own topics, are held against") {
    KafkaLogOptions options = fresh_options(1);
    create(options);
    options.transaction_ms_max = 59'999;
    CHECK(fault_of_opening(options) ==
          "configuration: broker 1: transaction.max.timeout.ms expected at most 59999 "
          "(--longest-transaction takes more), found 60000");
    options.transaction_ms_max = 60'000;
    const auto log = open_kafka(options);
    CHECK(log->shard_count() == 1);
}

TEST_CASE("kafka topics: commands that were deleted and made again are not taken for the old ones") {
    const KafkaLogOptions options = fresh_options(1);
    create(options);
    {
        const auto log = open_kafka(options);
        REQUIRE(log->acquire(ShardId(0), Term(1)));
        REQUIRE(commit_text(*log, ShardId(0), Term(1), 0, "record", 3));
    }
    CHECK(fault_of(KafkaLog::open(options)) == "no fault");
    delete_topic(options, options.name + ".commands");
    create(options);
    const std::string fault = fault_of(KafkaLog::open(options));
    CHECK_MESSAGE(starts_with(fault, "corrupt: " + options.name + ".commands partition 0 is not"),
                  fault);
    KafkaLogOptions moved = options;
    moved.moved_inputs = {ShardId(0)};
    CHECK(fault_of(KafkaLog::open(moved)) == "no fault");
}

TEST_CASE("kafka topics: a broker that does not answer is waited for, and no longer than told") {
    KafkaLogOptions options = fresh_options(1);
    options.bootstrap = "127.0.0.1:1";
    options.patience_ms = 200;
    CHECK(starts_with(fault_of_opening(options), "retriable: no answer from 127.0.0.1:1"));
}

}  // namespace
}  // namespace vouch
