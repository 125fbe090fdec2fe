#include "tests/kafka/kafka_test_support.h"

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
    const auto watermarks = watermarks_of(options);
    await_decided(*watermarks, topic, partition);
    const Result<kafka::Extent> extent = watermarks->extent(topic, partition, 10'000);
    REQUIRE_MESSAGE(extent, fault_of(extent));
    const auto begin = static_cast<std::int64_t>(from.value());
    if (begin >= extent->stable_end) return 0;
    const auto reader =
        options.client->open_reader(options.bootstrap, topic, kafka::ReadAhead::far);
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

/// Returns once the broker shows a topic, or does so no longer: a moment after it has answered.
void await_topic(rd_kafka_t* handle, const std::string& topic, bool is_there) {
    for (int looks = 0; looks < kLooksMost; ++looks) {
        const rd_kafka_metadata_t* metadata = nullptr;
        REQUIRE(rd_kafka_metadata(handle, 1, nullptr, &metadata, kAnswerWithinMs) ==
                RD_KAFKA_RESP_ERR_NO_ERROR);
        bool is_shown = false;
        for (int i = 0; i < metadata->topic_cnt; ++i)
            is_shown = is_shown || topic == metadata->topics[i].topic;
        rd_kafka_metadata_destroy(metadata);
        if (is_shown == is_there) return;
    }
    FAIL("the topic is ", is_there ? "not shown: " : "still shown: ", topic);
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

const Bytes& deployment_bytes() {
    static const Bytes bytes = make_deployment(1, false, Timestamp(0)).bytes;
    return bytes;
}

void create(const KafkaLogOptions& options) {
    Result<Bytes> made = KafkaLog::create(options, deployment_bytes());
    // A broker that has just begun may need longer than a program waits, which goes on where it
    // was.
    if (!made && made.error().code == FaultCode::retriable)
        made = KafkaLog::create(options, deployment_bytes());
    REQUIRE_MESSAGE(made, fault_of(made));
    REQUIRE(*made == deployment_bytes());
}

std::unique_ptr<kafka::Watermarks> watermarks_of(const KafkaLogOptions& options) {
    auto opened = options.client->open_watermarks(options.bootstrap);
    REQUIRE_MESSAGE(opened, fault_of(opened));
    return std::move(*opened);
}

std::unique_ptr<KafkaLog> open_kafka(const KafkaLogOptions& options) {
    Result<std::unique_ptr<KafkaLog>> log = KafkaLog::open(options);
    REQUIRE_MESSAGE(log, fault_of(log));
    return std::move(*log);
}

std::unique_ptr<KafkaLogReader> open_kafka_reader(const KafkaLogOptions& options) {
    Result<std::unique_ptr<KafkaLogReader>> log = KafkaLogReader::open(options);
    REQUIRE_MESSAGE(log, fault_of(log));
    const auto watermarks = watermarks_of(options);
    for (std::uint32_t shard = 0; shard < (*log)->shard_count(); ++shard) {
        await_decided(*watermarks, kafka::events_topic(options), static_cast<std::int32_t>(shard));
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

// A controller answers before the broker goes by what it has taken; this returns afterwards.
void change_settings(const KafkaLogOptions& options, const std::string& topic,
                     const TopicSettings& settings) {
    const Result<kafka::Handle> handle = kafka::Settings(options.bootstrap).make(RD_KAFKA_PRODUCER);
    REQUIRE(handle);
    ask(handle->get(), topic, settings, rd_kafka_AlterConfigs);
    int looks = 0;
    while (settings_of(handle->get(), topic) != settings && looks < kLooksMost) ++looks;
    REQUIRE(looks < kLooksMost);
}

void delete_topic(const KafkaLogOptions& options, const std::string& topic) {
    const Result<kafka::Handle> handle = kafka::Settings(options.bootstrap).make(RD_KAFKA_PRODUCER);
    REQUIRE(handle);
    using Deletion = std::unique_ptr<rd_kafka_DeleteTopic_t,
                                     kafka::Destroy<rd_kafka_DeleteTopic_destroy>>;
    const Deletion deletion(rd_kafka_DeleteTopic_new(topic.c_str()));
    rd_kafka_DeleteTopic_t* asked = deletion.get();
    const kafka::Queue queue(rd_kafka_queue_new(handle->get()));
    rd_kafka_DeleteTopics(handle->get(), &asked, 1, nullptr, queue.get());
    const kafka::Event event(rd_kafka_queue_poll(queue.get(), kAnswerWithinMs));
    REQUIRE(event);
    await_topic(handle->get(), topic, false);
}

void make_topic_again(const KafkaLogOptions& options, const std::string& topic) {
    delete_topic(options, topic);
    create(options);
    const Result<kafka::Handle> handle = kafka::Settings(options.bootstrap).make(RD_KAFKA_PRODUCER);
    REQUIRE(handle);
    await_topic(handle->get(), topic, true);
}

void delete_records(const KafkaLogOptions& options, const std::string& topic, std::int64_t before) {
    const Result<kafka::Handle> handle = kafka::Settings(options.bootstrap).make(RD_KAFKA_PRODUCER);
    REQUIRE(handle);
    using Deletion = std::unique_ptr<rd_kafka_DeleteRecords_t,
                                     kafka::Destroy<rd_kafka_DeleteRecords_destroy>>;
    const kafka::Partitions offsets(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(offsets.get(), topic.c_str(), 0)->offset = before;
    const Deletion deletion(rd_kafka_DeleteRecords_new(offsets.get()));
    rd_kafka_DeleteRecords_t* asked = deletion.get();
    const kafka::Queue queue(rd_kafka_queue_new(handle->get()));
    rd_kafka_DeleteRecords(handle->get(), &asked, 1, nullptr, queue.get());
    const kafka::Event event(rd_kafka_queue_poll(queue.get(), kAnswerWithinMs));
    REQUIRE(event);
    REQUIRE(rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

namespace {

void produce(rd_kafka_t* producer, const std::string& topic, int count) {
    for (int i = 0; i < count; ++i) {
        REQUIRE(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic.c_str()),
                                  RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                  RD_KAFKA_V_VALUE(const_cast<char*>("another"), 7),
                                  RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
}

}  // namespace

void append(const KafkaLogOptions& options, const std::string& topic, int count) {
    const Result<kafka::Handle> handle = kafka::Settings(options.bootstrap).make(RD_KAFKA_PRODUCER);
    REQUIRE(handle);
    produce(handle->get(), topic, count);
    REQUIRE(rd_kafka_flush(handle->get(), kAnswerWithinMs) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void append_in_transaction(const KafkaLogOptions& options, const std::string& topic, int count) {
    kafka::Settings settings(options.bootstrap);
    settings.set("transactional.id", topic + "-payments");
    const Result<kafka::Handle> handle = std::move(settings).make(RD_KAFKA_PRODUCER);
    REQUIRE(handle);
    REQUIRE(rd_kafka_init_transactions(handle->get(), kAnswerWithinMs) == nullptr);
    REQUIRE(rd_kafka_begin_transaction(handle->get()) == nullptr);
    produce(handle->get(), topic, count);
    REQUIRE(rd_kafka_commit_transaction(handle->get(), kAnswerWithinMs) == nullptr);
}

}  // namespace vouch::test
