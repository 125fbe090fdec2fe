#include "events/log/kafka/handle.h"
#include "tests/kafka/kafka_test_support.h"

#include <doctest/doctest.h>

#include <map>

namespace vouch {
namespace {

using namespace test;

using TopicSettings = std::map<std::string, std::string>;

const TopicSettings kGoodSettings = {
    {"cleanup.policy", "delete"},
    {"retention.ms", "-1"},
    {"retention.bytes", "-1"},
    {"max.message.bytes", std::to_string(kafka::kMessageBytesMax)}};

std::string fault_of_opening(const KafkaLogOptions& options) {
    const Result<std::unique_ptr<KafkaLog>> log = KafkaLog::open(options);
    const Result<std::unique_ptr<KafkaLogReader>> reader = KafkaLogReader::open(options);
    CHECK(fault_of(log) == fault_of(reader));
    return fault_of(log);
}

constexpr int kAnswerWithinMs = 30'000;
constexpr int kLooksMost = 10'000;  ///< at a broker's settings, until it has taken new ones

using Resource =
    std::unique_ptr<rd_kafka_ConfigResource_t, kafka::Destroy<rd_kafka_ConfigResource_destroy>>;

/// Sends one administrative request about a topic and returns what it is answered.
template <class Send>
kafka::Event ask(rd_kafka_t* handle, const std::string& topic, const TopicSettings& settings,
                 const Send& send) {
    const kafka::Queue queue(rd_kafka_queue_new(handle));
    const Resource resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
    for (const auto& [name, value] : settings) {
        rd_kafka_ConfigResource_set_config(resource.get(), name.c_str(), value.c_str());
    }
    rd_kafka_ConfigResource_t* asked = resource.get();
    send(handle, &asked, 1, nullptr, queue.get());
    kafka::Event event(rd_kafka_queue_poll(queue.get(), kAnswerWithinMs));
    REQUIRE(event);
    REQUIRE(rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR_NO_ERROR);
    return event;
}

/// The topic's own settings, as the broker now goes by them.
TopicSettings settings_of(rd_kafka_t* handle, const std::string& topic) {
    const kafka::Event event = ask(handle, topic, {}, rd_kafka_DescribeConfigs);
    std::size_t count = 0;
    const rd_kafka_ConfigResource_t** resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event.get()), &count);
    REQUIRE(count == 1);
    const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(resources[0], &count);
    TopicSettings settings;
    for (std::size_t i = 0; i < count; ++i) {
        if (rd_kafka_ConfigEntry_source(entries[i]) ==
            RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG) {
            settings[rd_kafka_ConfigEntry_name(entries[i])] =
                rd_kafka_ConfigEntry_value(entries[i]);
        }
    }
    return settings;
}

/// Gives a topic these settings and the broker's own for all others. A controller answers before
/// the broker goes by what it has taken; this returns afterwards.
void change_settings(const KafkaLogOptions& options, const std::string& topic,
                     const TopicSettings& settings) {
    const Result<kafka::Handle> handle = kafka::Settings(options.bootstrap).make(RD_KAFKA_PRODUCER);
    REQUIRE(handle);
    ask(handle->get(), topic, settings, rd_kafka_AlterConfigs);
    int looks = 0;
    while (settings_of(handle->get(), topic) != settings && looks < kLooksMost) ++looks;
    REQUIRE(looks < kLooksMost);
}

TEST_CASE("kafka topics: a deployment is made once, and its first message stands") {
    const KafkaLogOptions options = fresh_options(2);
    CHECK(fault_of(KafkaLog::read_deployment(options)) ==
          "configuration: no deployment " + options.name + " at " + options.bootstrap +
              ": no topic " + options.name + ".deployment");
    create(options);
    const Result<Bytes> again = KafkaLog::create(options, bytes_of("another"));
    REQUIRE_MESSAGE(again, fault_of(again));
    CHECK(text_of(*again) == kDeploymentText);
    CHECK(text_of(KafkaLog::read_deployment(options).value()) == kDeploymentText);
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

TEST_CASE("kafka topics: a broker that does not answer is waited for, and no longer than told") {
    KafkaLogOptions options = fresh_options(1);
    options.bootstrap = "127.0.0.1:1";
    options.patience_ms = 200;
    CHECK(starts_with(fault_of_opening(options), "retriable: no answer from 127.0.0.1:1"));
}

}  // namespace
}  // namespace vouch
