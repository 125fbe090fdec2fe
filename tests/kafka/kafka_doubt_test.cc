#include "events/log/kafka/membership.h"
#include "events/log/kafka/record_message.h"
#include "events/log/kafka/shard_committer.h"
#include "events/log/kafka/transaction.h"
#include "tests/kafka/kafka_test_support.h"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <future>
#include <latch>
#include <vector>

namespace vouch {
namespace {

using namespace test;
using namespace kafka;

constexpr std::int64_t kTimeoutMs = 30'000;

/// What a log is made of, so that a test can stop in the middle of it.
struct Parts {
    explicit Parts(std::uint32_t shards) : options(fresh_options(shards)) {
        create(options);
        watermarks = watermarks_of(options);
        membership = std::move(*Membership::join(options));
        cache = std::move(*RecordCache::open(options.cache_place, options.cache_bytes));
        records =
            std::make_unique<ShardRecords>(options, kFirst, *watermarks, *cache, strays, patience);
    }
    /// One that has not taken over yet: as after a doubt.
    ShardCommitter committer() {
        return {options, kFirst, *membership, *watermarks, *records, patience, stop};
    }

    const KafkaLogOptions options;
    std::unique_ptr<Watermarks> watermarks;
    std::unique_ptr<Membership> membership;
    std::unique_ptr<RecordCache> cache;
    Strays strays;
    std::unique_ptr<ShardRecords> records;
    Patience patience{options.patience_ms};
    Stop stop;
};

std::vector<std::string> stored(const KafkaLogOptions& options) {
    return texts(*open_kafka_reader(options), kFirst);
}

std::unique_ptr<TransactionProducer> first_producer(Parts& parts) {
    REQUIRE(parts.membership->await_shard(kFirst, kTimeoutMs));
    auto producer = TransactionProducer::make(parts.options, kFirst);
    REQUIRE(producer);
    const Status taken = (*producer)->take_over(kTimeoutMs);
    REQUIRE_MESSAGE(taken, fault_of(taken));
    return std::move(*producer);
}

Written write(Parts& parts, TransactionProducer& producer, std::uint64_t number,
              const Bytes& bytes) {
    return producer.write({kFirst, RecordNumber(number), bytes, {}, {}},
                          parts.membership->identity());
}

TEST_CASE("kafka: a record in doubt that was committed is not written again") {
    Parts parts(1);
    const Bytes bytes = bytes_of("once");
    {
        const auto lost = first_producer(parts);
        CHECK(write(parts, *lost, 0, bytes).kind == Written::Kind::committed);
    }
    REQUIRE(stored(parts.options) == std::vector<std::string>{"once"});
    // Not even where readers would pass over it, as the same record twice.
    const auto end_offset = [&] {
        return parts.watermarks->extent(events_topic(parts.options), 0, kTimeoutMs)->stable_end;
    };
    const std::int64_t before = end_offset();
    ShardCommitter committer = parts.committer();
    const TextCommit commit(0, "once");
    const Status settled = committer.commit(commit.commit());
    REQUIRE_MESSAGE(settled, fault_of(settled));
    CHECK(end_offset() == before);
    CHECK(stored(parts.options) == std::vector<std::string>{"once"});
    const TextCommit next(1, "next");
    REQUIRE(committer.commit(next.commit()));
    CHECK(stored(parts.options) == std::vector<std::string>{"once", "next"});
}

TEST_CASE(
    "kafka: a record in doubt that was not committed is written once, and its producer ends") {
    Parts parts(1);
    // A transaction is left open, with the record in it, by a producer that still lives.
    Settings settings(parts.options.bootstrap);
    settings.set("transactional.id", parts.options.name + ".shard.0");
    const Result<Handle> open = std::move(settings).make(RD_KAFKA_PRODUCER);
    REQUIRE(open);
    REQUIRE(!Error(rd_kafka_init_transactions(open->get(), static_cast<int>(kTimeoutMs))));
    REQUIRE(!Error(rd_kafka_begin_transaction(open->get())));
    const RecordKey key = key_of(RecordNumber(0));
    REQUIRE(rd_kafka_producev(open->get(), RD_KAFKA_V_TOPIC(events_topic(parts.options).c_str()),
                              RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY(key.data(), key.size()),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_VALUE(const_cast<char*>("once"), 4),
                              RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR);
    REQUIRE(rd_kafka_flush(open->get(), static_cast<int>(kTimeoutMs)) ==
            RD_KAFKA_RESP_ERR_NO_ERROR);
    // It is there, and not decided.
    CHECK(parts.watermarks->high(events_topic(parts.options), 0, kTimeoutMs).value() == 1);
    CHECK(parts.watermarks->extent(events_topic(parts.options), 0, kTimeoutMs)->stable_end == 0);
    const Result<std::unique_ptr<KafkaLogReader>> reader = KafkaLogReader::open(parts.options);
    REQUIRE_MESSAGE(reader, fault_of(reader));
    CHECK(texts(**reader, kFirst).empty());

    ShardCommitter committer = parts.committer();
    const TextCommit commit(0, "once");
    const Status settled = committer.commit(commit.commit());
    REQUIRE_MESSAGE(settled, fault_of(settled));
    CHECK(stored(parts.options) == std::vector<std::string>{"once"});
    // The end of the first producer's transaction comes too late to decide anything.
    CHECK(Error(rd_kafka_commit_transaction(open->get(), -1)));
    CHECK(stored(parts.options) == std::vector<std::string>{"once"});
}

TEST_CASE("kafka: another writer's record in the place of one in doubt is fencing") {
    Parts parts(1);
    const Bytes bytes = bytes_of("theirs");
    const auto other = first_producer(parts);
    CHECK(write(parts, *other, 0, bytes).kind == Written::Kind::committed);
    ShardCommitter committer = parts.committer();
    const TextCommit commit(0, "ours");
    CHECK(fault_of(committer.commit(commit.commit())) ==
          "fenced: shard 0 record 0: another writer's record is in the log, which ends at 1");
    CHECK(stored(parts.options) == std::vector<std::string>{"theirs"});
}

TEST_CASE("kafka: an epoch that was bumped by nobody's coming is no other writer") {
    Parts parts(1);
    ShardCommitter committer = parts.committer();
    REQUIRE(committer.acquire());
    const TextCommit first(0, "first");
    REQUIRE(committer.commit(first.commit()));
    // As a coordinator does that ends a transaction by itself: the group stays as it is.
    first_producer(parts);
    const TextCommit second(1, "second");
    const Status settled = committer.commit(second.commit());
    REQUIRE_MESSAGE(settled, fault_of(settled));
    CHECK(stored(parts.options) == std::vector<std::string>{"first", "second"});
}

TEST_CASE("kafka: a handler of another directory is let in only when the first is gone") {
    KafkaLogOptions options = fresh_options(2);
    create(options);
    auto first = open_kafka(options);
    REQUIRE(first->acquire(kFirst, kTerm));
    KafkaLogOptions other = options;
    other.instance = "other";
    other.patience_ms = 500;
    CHECK(starts_with(fault_of(KafkaLog::open(other)),
                      "fenced: another handler has the shards of " + options.name + ": "));
    REQUIRE(commit_text(*first, kFirst, kTerm, 0, "undisturbed"));
    first.reset();
    other.patience_ms = kTimeoutMs;
    const auto second = open_kafka(other);
    const Result<ShardEnd> end = second->acquire(kFirst, Term(2));
    REQUIRE_MESSAGE(end, fault_of(end));
    CHECK(end->next_record == RecordNumber(1));
}

TEST_CASE("kafka: a handler that is displaced while it is idle learns so, and stops") {
    const KafkaLogOptions options = fresh_options(1);
    create(options);
    const auto first = open_kafka(options);
    REQUIRE(first->acquire(kFirst, kTerm));
    const auto second = open_kafka(options);
    REQUIRE(second->acquire(kFirst, Term(2)));
    std::string fault = "no fault";
    std::vector<InputBatch> none;
    while (fault == "no fault") {
        first->wait_for_input(kFirst, {Offset(0), Offset(0)}, 1'000'000);
        fault = fault_of(first->read_commands(kFirst, Offset(0), 1, none));
    }
    CHECK(starts_with(fault, "fenced: "));
    REQUIRE(commit_text(*second, kFirst, Term(2), 0, "second's"));
}

TEST_CASE("kafka: a producer whose name another one took is fenced, and writes nothing") {
    Parts parts(1);
    const auto zombie = first_producer(parts);
    const auto writer = first_producer(parts);
    const Bytes theirs = bytes_of("theirs"), ours = bytes_of("ours");
    const Written refused = write(parts, *zombie, 0, theirs);
    CHECK(refused.kind == Written::Kind::fenced);
    CHECK(write(parts, *writer, 0, ours).kind == Written::Kind::committed);
    CHECK(stored(parts.options) == std::vector<std::string>{"ours"});
}

TEST_CASE("kafka: a process that opens the log again ends the one that had it") {
    const KafkaLogOptions options = fresh_options(1);
    create(options);
    const auto zombie = open_kafka(options);
    REQUIRE(zombie->acquire(kFirst, kTerm));
    REQUIRE(commit_text(*zombie, kFirst, kTerm, 0, "zombie's"));
    const auto writer = open_kafka(options);
    const Result<ShardEnd> end = writer->acquire(kFirst, Term(2));
    REQUIRE_MESSAGE(end, fault_of(end));
    CHECK(end->next_record == RecordNumber(1));
    CHECK(starts_with(fault_of(commit_text(*zombie, kFirst, kTerm, 1, "late")), "fenced: "));
    REQUIRE(commit_text(*writer, kFirst, Term(2), 1, "writer's"));
    // The zombie still reads, and sees what became of its shard.
    open_kafka_reader(options);
    CHECK(texts(*zombie, kFirst) == std::vector<std::string>{"zombie's", "writer's"});
    CHECK(starts_with(fault_of(zombie->produce(kFirst, bytes_of("x"))), "fenced: "));
}

/// Appends a message as some other program would.
void append(rd_kafka_t* producer, const std::string& topic, const std::string& key,
            const std::string& value) {
    REQUIRE(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic.c_str()),
                              RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY(key.data(), key.size()),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                              RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR);
    REQUIRE(rd_kafka_flush(producer, static_cast<int>(kTimeoutMs)) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void append(const KafkaLogOptions& options, const std::string& topic, const std::string& key,
            const std::string& value) {
    const Result<Handle> handle = Settings(options.bootstrap).make(RD_KAFKA_PRODUCER);
    REQUIRE(handle);
    append(handle->get(), topic, key, value);
}


TEST_CASE("kafka: an earlier writer's record that is put back behind a take-over is fencing") {
    for (const bool has_records : {false, true}) {
        CAPTURE(has_records);
        Parts parts(1);
        ShardCommitter committer = parts.committer();
        std::uint64_t next = 0;
        if (has_records) {
            REQUIRE(committer.acquire());
            const TextCommit first(next++, "first");
            REQUIRE(committer.commit(first.commit()));
        }
        ShardCommitter successor = parts.committer();
        REQUIRE(successor.acquire());
        // As it stood in the transaction that the take-over has ended.
        append(parts.options, events_topic(parts.options), key_text(next), "theirs");
        const TextCommit ours(next, "ours");
        const std::string fault = fault_of(successor.commit(ours.commit()));
        CHECK(fault == "fenced: shard 0 record " + std::to_string(next) +
                           ": another record that follows the one before it came first");
        CHECK(parts.records->end().value() == RecordNumber(next));
        // Whoever takes over then goes on behind it, as every reader does.
        CHECK(stored(parts.options).back() == "theirs");
        ShardCommitter last = parts.committer();
        REQUIRE(last.acquire());
        const TextCommit behind(next + 1, "behind");
        const Status done = last.commit(behind.commit());
        REQUIRE_MESSAGE(done, fault_of(done));
        CHECK(stored(parts.options).back() == "behind");
    }
}

TEST_CASE("kafka: what is put back behind a writer's first record is passed over") {
    Parts parts(1);
    ShardCommitter committer = parts.committer();
    REQUIRE(committer.acquire());
    const TextCommit first(0, "first");
    REQUIRE(committer.commit(first.commit()));
    append(parts.options, events_topic(parts.options), key_text(0), "theirs");
    const TextCommit second(1, "second");
    const Status done = committer.commit(second.commit());
    REQUIRE_MESSAGE(done, fault_of(done));
    CHECK(stored(parts.options) == std::vector<std::string>{"first", "second"});
}

TEST_CASE("kafka: without proof of its place a writer's records that are not shown yet are not gone") {
    Parts parts(1);
    ShardCommitter committer = parts.committer();
    const Result<Tail> tail = committer.acquire();
    REQUIRE(tail);
    const TextCommit shown(0, "shown");
    REQUIRE(committer.commit(shown.commit()));
    parts.records->own(*tail, [] { return false; });
    // As when the brokers have answered the end of its transaction and not written the mark yet.
    parts.records->append(RecordNumber(1), bytes_of("not shown yet"), std::nullopt);
    const Result<RecordNumber> end = parts.records->end();
    REQUIRE_MESSAGE(end, fault_of(end));
    CHECK(*end == RecordNumber(2));
    // To a writer that has waited until all is decided it is lost.
    CHECK(fault_of(parts.records->read_tail()) ==
          "corrupt: shard 0 record 1 and what follows is gone: the log ended at 2 before");
}

TEST_CASE("kafka: a record that is in no cache and not shown yet is waited for, and not missing") {
    Parts parts(1);
    const auto cache = RecordCache::none();
    const Patience little(2'000);
    ShardRecords records(parts.options, kFirst, *parts.watermarks, *cache, parts.strays, little);
    const Result<Tail> tail = records.read_tail();
    REQUIRE(tail);
    records.own(*tail, [] { return true; });
    records.append(RecordNumber(0), bytes_of("record"), std::nullopt);
    Bytes range;
    std::vector<StoredRecord> whole;
    const std::string expected = "storage: shard 0 record 0 is not shown yet";
    CHECK(fault_of(records.read_range(RecordNumber(0), 0, 3, range)) == expected);
    CHECK(fault_of(records.read_records(RecordNumber(0), 1, whole)) == expected);
    append(parts.options, events_topic(parts.options), key_text(0), "record");
    const Status looked_up = records.read_range(RecordNumber(0), 0, 3, range);
    REQUIRE_MESSAGE(looked_up, fault_of(looked_up));
    CHECK(text_of(range) == "rec");
}

TEST_CASE("kafka: readers of one shard that look at its end at once do not mislead each other") {
    constexpr std::uint64_t kRecords = 1'000;
    constexpr std::size_t kReaders = 4;
    Parts parts(1);
    const Result<Handle> handle = Settings(parts.options.bootstrap).make(RD_KAFKA_PRODUCER);
    REQUIRE(handle);
    std::atomic<bool> is_written = false;
    std::array<std::future<std::string>, kReaders> faults;
    for (auto& fault : faults) {
        fault = std::async(std::launch::async, [&] {
            for (bool is_last = false; !is_last;) {
                is_last = is_written;
                const Result<RecordNumber> end = parts.records->end();
                if (!end) return fault_of(end);
                if (is_last && *end != RecordNumber(kRecords)) return std::to_string(end->value());
            }
            return std::string("no fault");
        });
    }
    for (std::uint64_t i = 0; i < kRecords; ++i)
        append(handle->get(), events_topic(parts.options), key_text(i), "record");
    is_written = true;
    for (auto& fault : faults) CHECK(fault.get() == "no fault");
}

/// Opens a log, takes all its shards and writes to them. Keeps what it opened in `log`.
std::string go_to_work(const KafkaLogOptions& options, std::unique_ptr<KafkaLog>& log) {
    Result<std::unique_ptr<KafkaLog>> opened = KafkaLog::open(options);
    if (!opened) return fault_of(opened);
    log = std::move(*opened);
    for (std::uint32_t shard = 0; shard < options.shard_count; ++shard) {
        const Result<ShardEnd> end = log->acquire(ShardId(shard), kTerm);
        if (!end) return fault_of(end);
        const Status done =
            commit_text(*log, ShardId(shard), kTerm, end->next_record.value(), options.instance);
        if (!done) return fault_of(done);
    }
    return "at work";
}

TEST_CASE("kafka: of two handlers that start at the same moment one is at work, always") {
    constexpr std::size_t kTimes = 10;
    struct Pair {
        std::array<KafkaLogOptions, 2> options;
        std::array<std::unique_ptr<KafkaLog>, 2> logs;
        std::array<std::future<std::string>, 2> words;
    };
    std::vector<Pair> pairs(kTimes);
    std::latch together(2 * kTimes);
    for (Pair& pair : pairs) {
        const KafkaLogOptions options = fresh_options(2);
        create(options);
        for (std::size_t i = 0; i < 2; ++i) {
            pair.options[i] = options;
            pair.options[i].patience_ms = 20'000;
            pair.options[i].instance = i == 0 ? "a" : "b";
            pair.words[i] = std::async(std::launch::async, [&together, &pair, i] {
                together.arrive_and_wait();
                return go_to_work(pair.options[i], pair.logs[i]);
            });
        }
    }
    for (Pair& pair : pairs) {
        const std::string first = pair.words[0].get(), second = pair.words[1].get();
        CAPTURE(first);
        CAPTURE(second);
        CHECK((first == "at work") != (second == "at work"));
        CHECK(starts_with(first == "at work" ? second : first,
                          "fenced: another handler has the shards of " + pair.options[0].name));
    }
}

TEST_CASE("kafka: what others put on the inputs is handed out as bytes") {
    const KafkaLogOptions options = fresh_options(1);
    create(options);
    append(options, commands_topic(options), "a key", "garbage");
    append(options, commands_topic(options), "", "");
    append(options, steps_topic(options), "a key", "more garbage");
    SettledLog log(options, open_kafka(options));
    std::vector<InputBatch> commands;
    REQUIRE(log.read_commands(kFirst, Offset(0), 10, commands));
    REQUIRE(commands.size() == 2);
    CHECK(text_of(commands[0].payload) == "garbage");
    CHECK(commands[1].payload.empty());
    std::vector<StepInput> steps;
    REQUIRE(log.read_steps(kFirst, Offset(0), 10, steps));
    REQUIRE(steps.size() == 1);
    CHECK(text_of(steps[0].payload) == "more garbage");
}

TEST_CASE("kafka: what is foreign or there twice is passed over, what is missing stops by name") {
    struct Row {
        std::vector<std::pair<std::string, std::string>> messages;
        std::string expected;
    };
    const Row rows[] = {
        {{{key_text(0), "a"}, {key_text(1), "b"}, {key_text(1), "b"}, {key_text(2), "c"}}, "c"},
        {{{key_text(0), "a"},
          {key_text(1), "b"},
          {key_text(1), "x"},
          {key_text(2), "c"},
          {key_text(3), "d"}},
         "d"},
        {{{key_text(0), "a"}, {key_text(2), "c"}}, "corrupt: shard 0 record 1 is missing: "},
        {{{key_text(0), "a"}, {"foreign", "x"}, {key_text(1), "b"}, {key_text(2), "c"}},
         "c"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.expected);
        const KafkaLogOptions options = fresh_options(1);
        create(options);
        for (const auto& [key, value] : row.messages) {
            append(options, events_topic(options), key, value);
        }
        const auto log = open_kafka_reader(options);
        const std::vector<std::string> found = texts(*log, kFirst);
        if (row.expected.size() == 1) {
            const std::vector<std::string> all = {"a", "b", "c", "d"};
            CHECK(found == std::vector(all.begin(), all.begin() + row.expected[0] - 'a' + 1));
            CHECK(log->passed_over().size() == 1);
        } else {
            REQUIRE(found.size() == 1);
            CHECK_MESSAGE(starts_with(found[0], row.expected), found[0]);
        }
    }
}

TEST_CASE("kafka: any record is found by its number, whatever lies between") {
    const KafkaLogOptions options = fresh_options(1);
    create(options);
    constexpr std::uint64_t kRecords = 300;
    {
        const auto log = open_kafka(options);
        REQUIRE(log->acquire(kFirst, kTerm));
        for (std::uint64_t i = 0; i < kRecords; ++i) {
            REQUIRE(commit_text(*log, kFirst, kTerm, i, "record " + std::to_string(i)));
            // A hole of another length.
            if (i == 100) REQUIRE(log->acquire(kFirst, kTerm));
        }
    }
    const auto reader = open_kafka_reader(options);
    CHECK(reader->end(kFirst).value() == RecordNumber(kRecords));
    for (std::uint64_t i = 7; i < kRecords; i += 97) {
        CAPTURE(i);
        const std::string expected = "record " + std::to_string(i);
        std::vector<StoredRecord> records;
        REQUIRE(reader->read_records(kFirst, RecordNumber(i), 1, records));
        REQUIRE(records.size() == 1);
        CHECK(records[0].number == RecordNumber(i));
        CHECK(text_of(records[0].bytes) == expected);
        Bytes range;
        const Status read = reader->read_range(kFirst, RecordNumber(i + 1), 0, 7, range);
        REQUIRE_MESSAGE(read, fault_of(read));
        CHECK(text_of(range) == "record ");
    }
    CHECK(texts(*reader, kFirst).size() == kRecords);
}

}  // namespace
}  // namespace vouch
