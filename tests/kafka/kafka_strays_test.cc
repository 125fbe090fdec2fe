#include "events/log/kafka/record_message.h"
#include "events/log/kafka/shard_records.h"
#include "events/seal/record.h"
#include "events/seal/record_judge.h"
#include "tests/kafka/kafka_test_support.h"

#include <doctest/doctest.h>

#include <set>

// What strangers put on the topics: it cannot be taken away, so it is passed over, and said.

namespace vouch {
namespace {

using namespace test;
using namespace kafka;

constexpr int kAppendTimeoutMs = 60'000;

struct Stray {
    std::string key;
    std::optional<std::string> value;  ///< empty: none at all
};

/// Appends messages as some other program would, in order, all in one batch if they are compressed.
void append(const KafkaLogOptions& options, const std::string& topic,
            const std::vector<Stray>& messages, const std::string& codec = "none") {
    constexpr std::int64_t kBatchBytesMax = 400 << 20;
    Settings settings(options.bootstrap);
    settings.set("compression.codec", codec)
        .set("enable.idempotence", "true")
        .set("message.max.bytes", kBatchBytesMax)
        .set("batch.size", kBatchBytesMax)
        .set("queue.buffering.max.kbytes", std::int64_t{1} << 20)
        .set("linger.ms", codec == "none" ? 0 : 2'000)
        .set("batch.num.messages", static_cast<std::int64_t>(messages.size()));
    const Result<Handle> handle = std::move(settings).make(RD_KAFKA_PRODUCER);
    REQUIRE(handle);
    REQUIRE(learn_partitions(handle->get(), kAppendTimeoutMs));
    for (const Stray& each : messages) {
        const void* value = each.value ? each.value->data() : nullptr;
        const std::size_t size = each.value ? each.value->size() : 0;
        const rd_kafka_resp_err_t queued = rd_kafka_producev(
            handle->get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(0),
            RD_KAFKA_V_KEY(each.key.data(), each.key.size()),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_VALUE(const_cast<void*>(value), size),
            RD_KAFKA_V_END);
        REQUIRE(queued == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    REQUIRE(rd_kafka_flush(handle->get(), kAppendTimeoutMs) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

/// As a topic's operators may have left it for a while: bytes stay as their producer sent them.
void append_inflatable(const KafkaLogOptions& options, const std::string& topic,
                       std::size_t count) {
    TopicSettings open = kGoodSettings;
    open["compression.type"] = "producer";
    change_settings(options, topic, open);
    constexpr std::size_t kZeros = 80 << 20;
    append(options, topic, std::vector<Stray>(count, {"zeros", std::string(kZeros / count, '\0')}),
           "zstd");
    change_settings(options, topic, kGoodSettings);
}

/// A shard's chain of sealed records, and what differs from one.
class Chain {
public:
    Chain()
        : made_(make_deployment(1, false, Timestamp(1))), previous_(made_.deployment.genesis_tag) {
        for (std::size_t i = 0; i < root_.size(); ++i) root_[i] = static_cast<std::byte>(i);
    }

    EpochKeys keys() const { return EpochKeys(SecretKey(root_), made_.deployment); }
    std::shared_ptr<RecordJudge> judge() const {
        return std::make_shared<RecordJudge>(made_.deployment, keys());
    }

    /// The next record's bytes.
    std::string add() {
        const auto [bytes, digest] = seal(records_.size(), previous_, root_, "body");
        previous_ = digest;
        records_.push_back(bytes);
        return bytes;
    }
    /// Another one in the place of one that is there, with the right keys: as a writer sealed it
    /// whose transaction was never committed.
    std::string other_than(std::size_t record) const {
        const Bytes before = bytes_of(records_.at(record - 1));
        return seal(record, parse_record(before)->digest, root_, "never committed").first;
    }
    /// One in the next record's place, by somebody who has no keys.
    std::string forged() const {
        std::array<std::byte, 32> other{};
        return seal(records_.size(), previous_, other, "body").first;
    }
    const std::vector<std::string>& records() const { return records_; }

private:
    std::pair<std::string, Digest> seal(std::uint64_t number, const Digest& previous,
                                        const std::array<std::byte, 32>& root,
                                        const std::string& what) const {
        Mac mac(EpochKeys(SecretKey(root), made_.deployment).record_key(kFirst, Epoch(0)));
        RecordHeader header;
        header.deployment = made_.deployment.id;
        header.chain = made_.deployment.chain;
        header.shard = kFirst;
        header.record = RecordNumber(number);
        header.first_event = EventNumber(number);
        header.event_count = 1;
        header.previous_digest = previous;
        const Bytes body = bytes_of(what + " " + std::to_string(number));
        const SealedParts parts = seal_record(mac, header, body);
        Bytes bytes = parts.prefix;
        bytes.insert(bytes.end(), body.begin(), body.end());
        return {text_of(bytes), parts.digest};
    }

    const NewDeployment made_;
    std::array<std::byte, 32> root_{};
    Digest previous_;
    std::vector<std::string> records_;
};


/// A new log whose readers know the chain's keys.
KafkaLogOptions chain_options(const Chain& chain) {
    KafkaLogOptions options = fresh_options(1);
    options.judge = chain.judge();
    create(options);
    return options;
}

void check_reads_all(const KafkaLogOptions& options, const Chain& chain) {
    const auto reader = open_kafka_reader(options);
    CHECK(reader->end(kFirst).value() == RecordNumber(chain.records().size()));
    CHECK(texts(*reader, kFirst) == chain.records());
    // Each by itself, by a reader that knows nothing yet.
    for (std::size_t i = 0; i < chain.records().size(); i += 13) {
        CAPTURE(i);
        const auto fresh = open_kafka_reader(options);
        std::vector<StoredRecord> records;
        const Status read = fresh->read_records(kFirst, RecordNumber(i), 1, records);
        REQUIRE_MESSAGE(read, fault_of(read));
        CHECK(text_of(records.at(0).bytes) == chain.records()[i]);
        Bytes range;
        const Status ranged = fresh->read_range(kFirst, RecordNumber(i), 0, 8, range);
        REQUIRE_MESSAGE(ranged, fault_of(ranged));
        CHECK(text_of(range) == chain.records()[i].substr(0, 8));
    }
}

TEST_CASE("kafka strays: on the topic of records all that does not follow is passed over") {
    Chain chain;
    const KafkaLogOptions options = chain_options(chain);
    const std::string topic = events_topic(options);
    append(options, topic, {{"wrong key", "foreign bytes"}, {key_text(0), std::nullopt}});
    for (std::uint64_t i = 0; i < 40; ++i) {
        append(options, topic, {{key_text(i), chain.forged()}});
        append(options, topic, {{key_text(i), chain.add()}});
        if (i == 20) append(options, topic, {{key_text(30), "a later number"}});
        if (i % 5 == 0) append(options, topic, {{key_text(i / 2), chain.records()[i / 2]}});
    }
    check_reads_all(options, chain);
    // A copy of the latest records.
    for (std::uint64_t i = 30; i < 39; ++i)
        append(options, topic, {{key_text(i), chain.records()[i]}});
    check_reads_all(options, chain);
    // Copies of old records, more of them than there are records, in order and at the very end.
    std::vector<Stray> copies;
    for (int round = 0; round < 4; ++round) {
        for (std::uint64_t i = 3; i < 35; ++i) copies.push_back({key_text(i), chain.records()[i]});
    }
    append(options, topic, copies);
    check_reads_all(options, chain);
    // The next writer goes on behind them.
    append(options, topic, {{key_text(40), chain.add()}, {key_text(41), chain.add()}});
    check_reads_all(options, chain);
    const auto reader = open_kafka_reader(options);
    REQUIRE(reader->end(kFirst));
    CHECK(texts(*reader, kFirst).size() == 42);
    const std::vector<PassedOver> passed = reader->passed_over();
    CHECK(passed.size() == 2 + 40 + 1 + 8 + 9 + copies.size());
    CHECK(passed.at(0).topic == topic);
}

TEST_CASE("kafka strays: copies of records in order, far from them, do not end a shard earlier") {
    Chain chain;
    const KafkaLogOptions options = chain_options(chain);
    const std::string topic = events_topic(options);
    std::vector<Stray> messages;
    for (std::uint64_t i = 0; i < 100; ++i) messages.push_back({key_text(i), chain.add()});
    messages.insert(messages.end(), 150, {"foreign", "bytes"});
    for (std::uint64_t i = 60; i < 92; ++i) messages.push_back({key_text(i), chain.records()[i]});
    append(options, topic, messages);
    check_reads_all(options, chain);
}

TEST_CASE("kafka strays: the end of a shard is found behind transactions with strays among them") {
    const KafkaLogOptions options = fresh_options(1);
    create(options);
    const std::string topic = events_topic(options);
    std::uint64_t next = 0;
    const auto commit = [&](std::uint64_t count) {
        const auto log = open_kafka(options);
        REQUIRE(log->acquire(kFirst, kTerm));
        for (std::uint64_t end = next + count; next < end; ++next) {
            const Status done = commit_text(*log, kFirst, kTerm, next, std::to_string(next));
            REQUIRE_MESSAGE(done, fault_of(done));
        }
    };
    const auto end = [&] { return open_kafka_reader(options)->end(kFirst).value().value(); };
    const auto early = open_kafka_reader(options);
    const auto append_copies = [&](std::uint64_t first, std::uint64_t count) {
        std::vector<Stray> copies;
        for (std::uint64_t i = first; i < first + count; ++i)
            copies.push_back({key_text(i), std::to_string(i)});
        append(options, topic, copies);
    };
    commit(100);
    CHECK(end() == 100);
    CHECK(early->end(kFirst).value().value() == 100);
    append(options, topic, {{"foreign", "bytes"}});
    commit(50);
    append(options, topic, std::vector<Stray>(70, {"foreign", "bytes"}));
    append_copies(110, 32);
    CHECK(end() == 150);
    commit(70);
    append_copies(150, 20);
    CHECK(end() == 220);
    CHECK(early->end(kFirst).value().value() == 220);
    CHECK(texts(*early, kFirst).size() == 220);
}

/// A message that stands where a transaction has its mark.
const Stray kLikeMark{"foreign", "bytes"};

TEST_CASE("kafka strays: an earlier writer's record, put back at the end, is no record of the chain") {
    constexpr std::uint64_t kRecords = 100, kPutBack = 60;
    Chain chain;
    const KafkaLogOptions options = chain_options(chain);
    std::vector<Stray> messages;
    for (std::uint64_t i = 0; i < kRecords; ++i) {
        messages.push_back({key_text(i), chain.add()});
        messages.push_back(kLikeMark);
    }
    // Behind a copy of the record that it names, too.
    for (const std::uint64_t last : {kPutBack, kRecords - 1}) {
        messages.push_back({key_text(last - 1), chain.records()[last - 1]});
        messages.push_back({key_text(last), chain.other_than(last)});
    }
    append(options, events_topic(options), messages);
    for (const std::uint64_t i : {kPutBack - 1, kPutBack, kRecords - 2, kRecords - 1}) {
        CAPTURE(i);
        const std::string& expected = chain.records()[i];
        const auto ranged = open_kafka_reader(options);
        REQUIRE(ranged->end(kFirst).value() == RecordNumber(kRecords));
        Bytes range;
        const Status looked_up =
            ranged->read_range(kFirst, RecordNumber(i), 0, expected.size(), range);
        REQUIRE_MESSAGE(looked_up, fault_of(looked_up));
        CHECK(text_of(range) == expected);
        const auto reader = open_kafka_reader(options);
        REQUIRE(reader->end(kFirst).value() == RecordNumber(kRecords));
        std::vector<StoredRecord> records;
        const Status read = reader->read_records(kFirst, RecordNumber(i), 1, records);
        REQUIRE_MESSAGE(read, fault_of(read));
        CHECK(text_of(records.at(0).bytes) == expected);
    }
    check_reads_all(options, chain);
}

TEST_CASE("kafka strays: what is put between the records everywhere costs few looks at a start") {
    constexpr std::uint64_t kRecords = 2'000;
    struct Row {
        std::uint64_t records_to_stray;
        std::uint64_t looks_max;
    };
    // Where strays are far apart a leap saves more than it costs.
    const Row rows[] = {{kRecords, 20}, {500, 200}, {10, 200}, {3, 200}};
    for (const Row& row : rows) {
        CAPTURE(row.records_to_stray);
        Chain chain;
        const KafkaLogOptions options = chain_options(chain);
        std::vector<Stray> messages;
        for (std::uint64_t i = 0; i < kRecords; ++i) {
            if (i > 0 && i % row.records_to_stray == 0) messages.push_back(kLikeMark);
            messages.push_back({key_text(i), chain.add()});
            messages.push_back(kLikeMark);
        }
        append(options, events_topic(options), messages);
        const auto watermarks = watermarks_of(options);
        const auto cache = RecordCache::none();
        Strays strays;
        const Patience patience(options.patience_ms);
        ShardRecords records(options, kFirst, *watermarks, *cache, strays, patience);
        const Result<Tail> tail = records.read_tail();
        REQUIRE_MESSAGE(tail, fault_of(tail));
        CHECK(tail->next_record == RecordNumber(kRecords));
        CHECK(tail->looks <= row.looks_max);
    }
}

TEST_CASE("kafka strays: what cannot be inflated among the records is passed over") {
    Chain chain;
    const KafkaLogOptions options = chain_options(chain);
    append(options, events_topic(options),
           {{key_text(0), chain.add()}, {key_text(1), chain.add()}});
    append_inflatable(options, events_topic(options), 2);
    append(options, events_topic(options), {{key_text(2), chain.add()}});
    check_reads_all(options, chain);
    append_inflatable(options, events_topic(options), 2);
    check_reads_all(options, chain);
}

TEST_CASE("kafka strays: commands that cannot be inflated are a range, and what follows is read") {
    const KafkaLogOptions options = fresh_options(1);
    create(options);
    const std::string topic = commands_topic(options);
    append(options, topic, {{"", "before"}});
    append_inflatable(options, topic, 5);
    append(options, topic, {{"", "between"}});
    append_inflatable(options, topic, 2);
    append(options, topic, {{"", "after"}});
    const auto log = open_kafka(options);
    const auto read_from = [&](Offset from) {
        std::vector<std::string> found;
        for (Offset next = from; next < Offset(10);) {
            std::vector<InputBatch> batches;
            const Status read = log->read_commands(kFirst, next, 10, batches);
            REQUIRE_MESSAGE(read, fault_of(read));
            for (const InputBatch& batch : batches) {
                found.push_back(std::to_string(batch.offset.value()) + "-" +
                                std::to_string(batch.next().value()) + " " +
                                text_of(batch.payload));
                next = batch.next();
            }
            if (batches.empty()) log->wait_for_input(kFirst, {next, Offset(0)}, 1'000'000);
        }
        return found;
    };
    CHECK(read_from(Offset(0)) ==
          std::vector<std::string>{"0-1 before", "1-6 ", "6-7 between", "7-9 ", "9-10 after"});
    // From within, as after a restart there.
    CHECK(read_from(Offset(3)) ==
          std::vector<std::string>{"3-6 ", "6-7 between", "7-9 ", "9-10 after"});
}

TEST_CASE("kafka strays: steps that cannot be inflated are passed over") {
    const KafkaLogOptions options = fresh_options(1);
    create(options);
    append_inflatable(options, steps_topic(options), 2);
    append(options, steps_topic(options), {{"", "steps"}});
    const auto log = open_kafka(options);
    std::vector<StepInput> steps;
    while (steps.empty()) {
        const Status read = log->read_steps(kFirst, Offset(0), 10, steps);
        REQUIRE_MESSAGE(read, fault_of(read));
        if (steps.empty()) log->wait_for_input(kFirst, {kNoOffset, Offset(0)}, 1'000'000);
    }
    CHECK(text_of(steps.at(0).payload) == "steps");
    CHECK(log->passed_over().size() == 1);
}

TEST_CASE("kafka strays: steps are read on behind their transaction and what cannot be inflated") {
    const KafkaLogOptions options = fresh_options(2);
    create(options);
    const auto log = open_kafka(options);
    REQUIRE(log->acquire(kSecond, kTerm));
    TextCommit sending(0, "record");
    sending.send(kFirst, "own steps");
    const Status sent = commit_and_await(*log, kSecond, kTerm, sending);
    REQUIRE_MESSAGE(sent, fault_of(sent));
    const auto await_steps = [&](Offset from) {
        std::vector<StepInput> steps;
        while (steps.empty()) {
            const Status read = log->read_steps(kFirst, from, 10, steps);
            REQUIRE_MESSAGE(read, fault_of(read));
            if (steps.empty()) log->wait_for_input(kFirst, {kNoOffset, from}, 1'000'000);
        }
        return steps;
    };
    CHECK(text_of(await_steps(Offset(0)).at(0).payload) == "own steps");
    // The transaction's mark lies between.
    append_inflatable(options, steps_topic(options), 2);
    std::vector<StepInput> none;
    while (log->passed_over().empty()) {
        REQUIRE(log->read_steps(kFirst, Offset(1), 10, none));
        if (log->passed_over().empty())
            log->wait_for_input(kFirst, {kNoOffset, Offset(1)}, 1'000'000);
    }
    append(options, steps_topic(options), {{"", "steps"}});
    // What is there from now on is read without being started anew: one look a message.
    CHECK(text_of(await_steps(Offset(1)).at(0).payload) == "steps");
    CHECK(log->passed_over().size() == 1);
}

TEST_CASE("kafka strays: the deployment's topic may hold what others wrote") {
    const KafkaLogOptions options = fresh_options(1);
    create(options);
    append(options, deployment_topic(options), {{"", "foreign"}, {"", std::nullopt}});
    CHECK(KafkaLog::read_deployment(options).value() == deployment_bytes());
}

}  // namespace
}  // namespace vouch
