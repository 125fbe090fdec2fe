#include "events/log/kafka/cluster_watch.h"
#include "events/log/kafka/input_gaps.h"
#include "events/log/kafka/topics.h"
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

TEST_CASE("kafka topics: brokers that let others hold up all readers for long are refused") {
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

/// `replication` is asked of the brokers' own topics, which this makes where there are none.
std::string cluster_faults(KafkaLogOptions options, KafkaReplication replication) {
    create(options);
    REQUIRE(open_kafka(options)->acquire(ShardId(0), Term(1)));
    options.replication = replication;
    const Result<std::vector<Fault>> faults = kafka::find_cluster_faults(options, [] {});
    REQUIRE_MESSAGE(faults, fault_of(faults));
    std::string text;
    for (const Fault& fault : *faults) {
        CHECK(fault.code == FaultCode::configuration);
        text += fault.message + "\n";
    }
    return text;
}

TEST_CASE("kafka topics: the brokers' own topics with too few replicas are refused") {
    CHECK(cluster_faults(fresh_options(1), kSingleBroker) == "");
    CHECK(cluster_faults(fresh_options(1), {1, 2}) ==
          "topic __transaction_state: min.insync.replicas expected at least 2, found 1\n"
          "topic __consumer_offsets: min.insync.replicas expected at least 2, found 1\n");
    CHECK(cluster_faults(fresh_options(1), {2, 1}) ==
          "topic __transaction_state: replicas of partition 0 expected at least 2, found 1\n"
          "topic __consumer_offsets: replicas of partition 0 expected at least 2, found 1\n");
}

TEST_CASE("kafka topics: what gets worse in a cluster while a log is open is an alarm") {
    KafkaLogOptions options = fresh_options(1);
    create(options);
    REQUIRE(open_kafka(options)->acquire(ShardId(0), Term(1)));
    const auto watermarks = watermarks_of(options);
    // As one finds it whose brokers had more at the start.
    options.replication = {1, 2};
    kafka::ClusterWatch watch(options, *watermarks);
    std::vector<LogAlarm> alarms;
    for (int looks = 0; looks < 100'000 && alarms.empty(); ++looks) {
        REQUIRE(watermarks->high(kafka::events_topic(options), 0, 60'000));
        alarms = watch.alarms();
    }
    REQUIRE(alarms.size() == 2);
    CHECK(alarms[0].what ==
          "topic __transaction_state: min.insync.replicas expected at least 2, found 1");
    CHECK(alarms[1].what ==
          "topic __consumer_offsets: min.insync.replicas expected at least 2, found 1");
    CHECK(alarms[0].since > Timestamp(0));
}

std::string gaps(LogReader& log, InputPosition next) {
    const Result<std::vector<InputGap>> found = log.input_gaps(ShardId(0), next);
    REQUIRE_MESSAGE(found, fault_of(found));
    std::string text;
    for (const InputGap& gap : *found) {
        text += std::string(gap.of_steps ? "steps " : "commands ") +
                std::to_string(gap.wanted.value()) + " " + std::to_string(gap.first.value()) +
                ": " + gap.reason + "\n";
    }
    return text;
}

constexpr const char* kTrimmed = "it was trimmed before that was read\n";
constexpr const char* kShorter =
    "it ends before that: it was deleted and made again, or has lost what it held\n";
constexpr const char* kMadeAgain =
    "the brokers have forgotten what was consumed of it, and so it was deleted and made again: its "
    "offsets mean other messages\n";

TEST_CASE("kafka topics: input that was trimmed is missed where it is not read yet") {
    const KafkaLogOptions options = fresh_options(1);
    create(options);
    const auto log = open_kafka(options);
    for (int i = 0; i < 6; ++i) REQUIRE(log->produce(ShardId(0), bytes_of("command")));
    CHECK(gaps(*log, {Offset(0), Offset(0)}) == "");
    delete_records(options, options.name + ".commands", 4);
    CHECK(gaps(*log, {Offset(3), Offset(0)}) == std::string("commands 3 4: ") + kTrimmed);
    CHECK(gaps(*log, {Offset(4), Offset(0)}) == "");
    CHECK(gaps(*log, {Offset(6), Offset(0)}) == "");
    CHECK(gaps(*log, {Offset(7), Offset(0)}) == std::string("commands 7 4: ") + kShorter);
    CHECK(gaps(*log, {Offset(4), Offset(1)}) == std::string("steps 1 0: ") + kShorter);
    // Whoever only reads sees the same.
    CHECK(gaps(*open_kafka_reader(options), {Offset(3), Offset(0)}) ==
          std::string("commands 3 4: ") + kTrimmed);
    // And while it is read.
    std::vector<InputBatch> commands;
    std::string fault = "no fault";
    while (fault == "no fault") {
        fault = fault_of(log->read_commands(ShardId(0), Offset(2), 10, commands));
        if (fault == "no fault") log->wait_for_input(ShardId(0), {Offset(2), Offset(0)}, 1'000'000);
    }
    CHECK(commands.empty());
    CHECK(fault == "corrupt: " + options.name +
                       ".commands partition 0: offset 2 is wanted, and the topic has 4 up to 6: "
                       "what lies between is lost, or the topic is another one; vouch recover says "
                       "how to go on");
}

TEST_CASE("kafka topics: the end of a transaction is no command that could be missed") {
    const KafkaLogOptions options = fresh_options(1);
    create(options);
    const auto log = open_kafka(options);
    append_in_transaction(options, options.name + ".commands", 3);
    std::vector<InputBatch> commands;
    std::vector<StepInput> steps;
    const auto read = [&] {
        REQUIRE(log->read_steps(ShardId(0), Offset(0), 10, steps));
        log->wait_for_input(ShardId(0), {Offset(3), Offset(0)}, 1'000'000);
        REQUIRE(log->read_commands(ShardId(0), Offset(commands.size()), 10, commands));
    };
    while (commands.size() < 3) read();
    CHECK(commands.back().offset == Offset(2));
    CHECK(log->next_command(ShardId(0), Offset(1)) == Offset(1));
    int looks = 0;
    while (log->next_command(ShardId(0), Offset(3)) != Offset(4) && ++looks < 30) read();
    CHECK(log->next_command(ShardId(0), Offset(3)) == Offset(4));
    CHECK(commands.size() == 3);
    delete_records(options, options.name + ".commands", 4);
    CHECK(gaps(*log, {Offset(4), Offset(0)}) == "");
    // Who asks from there on goes on with what comes.
    test::append(options, options.name + ".commands", 1);
    commands.clear();
    while (commands.empty()) {
        REQUIRE(log->read_commands(ShardId(0), Offset(4), 10, commands));
        log->wait_for_input(ShardId(0), {Offset(4), Offset(0)}, 1'000'000);
    }
    CHECK(commands.front().offset == Offset(4));
}

TEST_CASE("kafka topics: inputs that were deleted and made again are not taken for the old ones") {
    for (const bool of_steps : {false, true}) {
        CAPTURE(of_steps);
        const KafkaLogOptions options = fresh_options(1);
        create(options);
        const InputPosition next{Offset(3), Offset(2)};
        {
            const auto log = open_kafka(options);
            REQUIRE(log->acquire(ShardId(0), Term(1)));
            TextCommit record(0, "record", next.command.value());
            record.consume(next.step);
            REQUIRE(commit_and_await(*log, ShardId(0), Term(1), record));
        }
        const std::string topic = options.name + (of_steps ? ".steps" : ".commands");
        const std::string name = of_steps ? "steps 2 0: " : "commands 3 0: ";
        make_topic_again(options, topic);
        const auto log = open_kafka(options);
        // The other one is empty, as this test has it.
        const InputPosition at{of_steps ? Offset(0) : next.command,
                               of_steps ? next.step : Offset(0)};
        CHECK(gaps(*log, at) == name + kShorter);
        test::append(options, topic, 10);
        CHECK(gaps(*log, at) == name + kMadeAgain);
        // From its first message on it is read whatever it was before.
        CHECK(gaps(*log, {Offset(0), Offset(0)}) == "");
    }
}

TEST_CASE("kafka topics: to wait for what is known of inputs ends when the log is stopped") {
    KafkaLogOptions options;
    options.bootstrap = "127.0.0.1:1";
    options.name = "nobody";
    options.patience_ms = 86'400'000;
    const auto watermarks = watermarks_of(options);
    kafka::Stop stop;
    stop.stop();
    const kafka::Patience patience(options.patience_ms);
    CHECK(starts_with(
        fault_of(kafka::find_input_gaps(options, *watermarks, ShardId(0), {}, patience, stop)),
        "storage: what nobody.handlers has consumed is not known: "));
}

TEST_CASE("kafka: a log that is to end has seconds left for all that waits, whatever that had") {
    constexpr std::int64_t kHourMs = 3'600'000;
    kafka::Patience patience(kHourMs);
    const kafka::Patience::Deadline before = patience.begin();
    CHECK(before.left_ms(kHourMs) > 60'000);
    patience.end_soon();
    CHECK(before.left_ms(kHourMs) <= 3'000);
    CHECK(patience.begin().left_ms(kHourMs) <= 3'000);
    CHECK(before.left_ms(1) == 1);
}

TEST_CASE("kafka topics: a broker that does not answer is waited for, and no longer than told") {
    KafkaLogOptions options = fresh_options(1);
    options.bootstrap = "127.0.0.1:1";
    options.patience_ms = 200;
    CHECK(starts_with(fault_of_opening(options), "retriable: no answer from 127.0.0.1:1"));
}

}  // namespace
}  // namespace vouch
