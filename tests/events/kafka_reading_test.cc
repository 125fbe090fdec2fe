#include "events/log/kafka/input_gaps.h"
#include "tests/events/kafka_memory_rig.h"

// Records and inputs as they stand on topics that others write to as well.

namespace vouch {
namespace {

using namespace test;
using Shown = std::vector<std::string>;

TEST_CASE("kafka records: what is foreign or there twice is passed over, what is missing stops") {
    struct Row {
        std::vector<std::pair<std::uint64_t, std::string>> messages;
        Shown expected;
        std::string fault;
    };
    const Row rows[] = {
        {{{0, "a"}, {1, "b"}, {1, "b"}, {2, "c"}}, {"a", "b", "c"}, ""},
        {{{0, "a"}, {1, "b"}, {0, "a"}, {2, "c"}}, {"a", "b", "c"}, ""},
        {{{0, "a"}, {2, "c"}}, {}, "corrupt: shard 0 record 1 is missing: "},
    };
    for (const Row& row : rows) {
        CAPTURE(row.messages.size());
        MemoryCluster cluster(1);
        for (const auto& [number, text] : row.messages) cluster.put_record(number, text);
        const auto reader = cluster.open_reader();
        const Shown found = texts(*reader, kFirst);
        if (row.fault.empty()) {
            CHECK(found == row.expected);
            CHECK(reader->passed_over().size() == 1);
        } else {
            REQUIRE(found.size() == 1);
            CHECK_MESSAGE(starts_with(found[0], row.fault), found[0]);
        }
    }
}

TEST_CASE("kafka records: who passes damage reads what stands on both sides of a record that is gone") {
    MemoryCluster cluster(1);
    const auto put_mark = [&] { cluster.broker.put("books.events", 0, {}, bytes_of("like a mark")); };
    for (std::uint64_t number = 0; number < 7; ++number) {
        const bool is_gone = number == 2 || number == 5;
        if (is_gone) put_mark();
        else cluster.put_record(number, "record " + std::to_string(number));
        put_mark();
    }
    cluster.put_record(1'000'000'000'000, "for which there is no room");
    cluster.options.passes_damage = true;
    const auto reader = cluster.open_reader();
    CHECK(reader->end(kFirst).value() == RecordNumber(7));
    CHECK(texts(*reader, kFirst, 0) == Shown{"record 0", "record 1"});
    const auto later = cluster.open_reader();
    for (std::uint64_t number = 7; number-- > 0;) {
        CAPTURE(number);
        const bool is_gone = number == 2 || number == 5;
        Bytes bytes;
        const Status read = later->read_range(kFirst, RecordNumber(number), 0, 100, bytes);
        CHECK(read.has_value() == !is_gone);
        CHECK(texts(*later, kFirst, number).front() ==
              (is_gone ? "corrupt: shard 0 record " + std::to_string(number) +
                             " is missing from books.events partition 0"
                       : "record " + std::to_string(number)));
    }
}

TEST_CASE("kafka records: what is trimmed or lost is missed by name") {
    MemoryCluster cluster(1);
    for (std::uint64_t i = 0; i < 6; ++i) cluster.put_record(i, std::to_string(i));
    const auto reader = cluster.open_reader();
    CHECK(texts(*reader, kFirst).size() == 6);
    cluster.broker.make_again("books.events");
    CHECK(fault_of(reader->end(kFirst)) ==
          "corrupt: shard 0: books.events ends at offset 0, it reached 6 before");
    for (std::uint64_t i = 0; i < 6; ++i) cluster.put_record(i + 9, "others");
    cluster.broker.trim("books.events", 0, 6);
    const auto later = cluster.open_reader();
    CHECK(fault_of(later->end(kFirst)) ==
          "corrupt: shard 0: books.events has lost all its records, it begins at offset 6");
}

TEST_CASE("kafka records: a look that fails is tried again, bytes that are wrong are not") {
    MemoryCluster cluster(1);
    cluster.put_record(0, "a");
    cluster.broker.fail_reads("books.events", 3, {FaultCode::retriable, "no leader"});
    CHECK(texts(*cluster.open_reader(), kFirst) == Shown{"a"});
    cluster.broker.fail_reads("books.events", 1, {FaultCode::corrupt, "bad checksum"});
    CHECK(texts(*cluster.open_reader(), kFirst) == Shown{"corrupt: shard 0: bad checksum"});
}

TEST_CASE("kafka records: what cannot be inflated is passed over, whatever its length") {
    for (const int count : {1, 2, 5, 40}) {
        CAPTURE(count);
        MemoryCluster cluster(1);
        cluster.put_record(0, "a");
        cluster.broker.put_unreadable("books.events", 0, count);
        cluster.put_record(1, "b");
        const auto reader = cluster.open_reader();
        CHECK(texts(*reader, kFirst) == Shown{"a", "b"});
        CHECK(!reader->passed_over().empty());
    }
}

TEST_CASE("kafka records: any record is found by its number, whatever lies between") {
    MemoryCluster cluster(1);
    constexpr std::uint64_t kRecords = 300;
    for (std::uint64_t i = 0; i < kRecords; ++i) {
        cluster.put_record(i, "record " + std::to_string(i));
        cluster.broker.put("books.events", 0, {}, bytes_of("like a mark"));
        if (i == 100) cluster.put_record(7, "record 7");
    }
    const auto reader = cluster.open_reader();
    CHECK(reader->end(kFirst).value() == RecordNumber(kRecords));
    for (std::uint64_t i = 7; i < kRecords; i += 97) {
        CAPTURE(i);
        Bytes range;
        const Status read = reader->read_range(kFirst, RecordNumber(i), 0, 100, range);
        REQUIRE_MESSAGE(read, fault_of(read));
        CHECK(text_of(range) == "record " + std::to_string(i));
    }
}

/// Batches as "first-behind bytes".
Shown input_of(Log& log, Offset from) {
    std::vector<InputBatch> batches;
    const Status read = log.read_commands(kFirst, from, 100, batches);
    if (!read) return {fault_of(read)};
    Shown found;
    for (const InputBatch& batch : batches) {
        found.push_back(std::to_string(batch.offset.value()) + "-" +
                        std::to_string(batch.next().value()) + " " + text_of(batch.payload));
    }
    return found;
}

void put_command(MemoryCluster& cluster, const std::string& text) {
    cluster.broker.put("books.commands", 0, {}, bytes_of(text));
}

TEST_CASE("kafka input: commands that cannot be inflated are a range, and what follows is read") {
    MemoryCluster cluster(1);
    put_command(cluster, "before");
    cluster.broker.put_unreadable("books.commands", 0, 5);
    put_command(cluster, "after");
    const auto log = cluster.open();
    CHECK(input_of(*log, Offset(0)) == Shown{"0-1 before", "1-6 ", "6-7 after"});
    // From within, as after a restart there.
    CHECK(input_of(*log, Offset(3)) == Shown{"3-6 ", "6-7 after"});
    cluster.broker.put_unreadable("books.steps", 0, 2);
    cluster.broker.put("books.steps", 0, {}, bytes_of("steps"));
    CHECK(step_texts(*log, kFirst) == Shown{"steps"});
    CHECK(log->passed_over().size() == 1);
}

/// What a look at the commands finds from `from` up to `until`, as above.
Shown sent_of(SentCommands& sent, std::uint64_t from, std::uint64_t until) {
    Shown found;
    for (Offset next(from); next < Offset(until);) {
        const Result<std::optional<InputBatch>> batch = sent.next(next, Offset(until));
        if (!batch) return {fault_of(batch)};
        if (!*batch) break;
        next = (*batch)->next();
        found.push_back(std::to_string((*batch)->offset.value()) + "-" +
                        std::to_string(next.value()) + " " + text_of((*batch)->payload));
    }
    return found;
}

TEST_CASE("kafka input: commands are read a second time, as far as each record had read them") {
    MemoryCluster cluster(1);
    put_command(cluster, "trimmed");
    put_command(cluster, "first");
    cluster.broker.put_unreadable("books.commands", 0, 3);
    put_command(cluster, "after");
    cluster.broker.put_mark("books.commands", 0);
    put_command(cluster, "last");
    cluster.broker.put_mark("books.commands", 0);
    cluster.broker.trim("books.commands", 0, 1);
    const auto reader = cluster.open_reader();
    const auto sent = reader->sent_commands(kFirst);
    REQUIRE(sent != nullptr);
    CHECK(sent->first().value() == Offset(1));
    CHECK(sent_of(*sent, 1, 2) == Shown{"1-2 first"});
    CHECK(sent_of(*sent, 2, 5) == Shown{"2-5 "});
    CHECK(sent_of(*sent, 5, 7) == Shown{"5-6 after"});
    CHECK(sent_of(*sent, 7, 9) == Shown{"7-8 last"});
    // An input that was moved back.
    CHECK(sent_of(*sent, 1, 2) == Shown{"1-2 first"});
    CHECK(sent_of(*sent, 2, 6) == Shown{"2-5 ", "5-6 after"});
    // The topic has lost its end, or is another one.
    CHECK(starts_with(sent_of(*sent, 9, 12)[0],
                      "corrupt: books.commands partition 0: it ends at offset 9"));
    CHECK(starts_with(sent_of(*reader->sent_commands(kFirst), 0, 2)[0], "storage: "));
}

TEST_CASE("kafka input: a transaction that stays open holds up what is behind it") {
    MemoryCluster cluster(2);
    const auto log = cluster.open();
    REQUIRE(log->acquire(kSecond, kTerm));
    REQUIRE(commit_text(*log, kSecond, kTerm, 0, "record"));
    cluster.broker.hold_marks();
    TextCommit sending(1, "record");
    sending.send(kFirst, "own steps");
    REQUIRE(commit_and_await(*log, kSecond, kTerm, sending));
    cluster.broker.put("books.steps", 0, {}, bytes_of("behind"));
    CHECK(step_texts(*log, kFirst).empty());
    cluster.broker.write_marks();
    CHECK(step_texts(*log, kFirst) == Shown{"own steps", "behind"});
}

TEST_CASE("kafka input: what was trimmed before it was read is named while it is read") {
    MemoryCluster cluster(1);
    for (int i = 0; i < 6; ++i) put_command(cluster, "command");
    const auto log = cluster.open();
    cluster.broker.trim("books.commands", 0, 4);
    CHECK(input_of(*log, Offset(2)) ==
          Shown{"corrupt: books.commands partition 0: offset 2 is wanted, and the topic has 4 up "
                "to 6: what lies between is lost, or the topic is another one; vouch recover says "
                "how to go on"});
}

std::string gaps_of(LogReader& log, InputPosition next) {
    const Result<std::vector<InputGap>> gaps = log.input_gaps(kFirst, next);
    if (!gaps) return fault_of(gaps);
    std::string text;
    for (const InputGap& gap : *gaps) {
        text += std::string(gap.of_steps ? "steps " : "commands ") +
                std::to_string(gap.wanted.value()) + " " + std::to_string(gap.first.value()) + ";";
    }
    return text;
}

TEST_CASE("kafka input: gaps are trimmed, shorter, or made again and filled") {
    MemoryCluster cluster(1);
    const auto log = cluster.open();
    REQUIRE(log->acquire(kFirst, kTerm));
    for (int i = 0; i < 6; ++i) {
        put_command(cluster, "command");
        cluster.broker.put("books.steps", 0, {}, bytes_of("steps"));
    }
    TextCommit record(0, "record", 3);
    record.consume(Offset(2));
    REQUIRE(commit_and_await(*log, kFirst, kTerm, record));
    const InputPosition next{Offset(3), Offset(2)};
    CHECK(gaps_of(*log, next) == "");
    cluster.broker.trim("books.commands", 0, 4);
    CHECK(gaps_of(*log, next) == "commands 3 4;");
    CHECK(gaps_of(*log, {Offset(4), Offset(7)}) == "steps 7 0;");
    cluster.broker.make_again("books.commands");
    CHECK(gaps_of(*log, next) == "commands 3 0;");
    for (int i = 0; i < 10; ++i) put_command(cluster, "another's");
    CHECK(gaps_of(*log, next) == "commands 3 0;");
    CHECK(gaps_of(*log, {Offset(0), Offset(2)}) == "");
}

TEST_CASE("kafka input: what a lost record has consumed is known to the group") {
    MemoryCluster cluster(1);
    {
        const auto log = cluster.open();
        REQUIRE(log->acquire(kFirst, kTerm));
        CHECK(log->consumed_inputs(kFirst).value() == InputPosition{});
        for (int i = 0; i < 2; ++i) {
            put_command(cluster, "command");
            TextCommit record(static_cast<std::uint64_t>(i), "record",
                              static_cast<std::uint64_t>(i) + 1);
            REQUIRE(commit_and_await(*log, kFirst, kTerm, record));
        }
    }
    const std::int64_t second = 2;  // behind the first record and its mark
    cluster.broker.lose_end("books.events", 0, second);
    const auto log = cluster.open();
    REQUIRE(log->acquire(kFirst, kTerm));
    CHECK(log->end(kFirst).value() == RecordNumber(1));
    CHECK(log->consumed_inputs(kFirst).value().command == Offset(2));
}

TEST_CASE("kafka input: the mark of a transaction is no command that could be missed") {
    MemoryCluster cluster(1);
    const auto log = cluster.open();
    put_command(cluster, "command");
    CHECK(input_of(*log, Offset(0)).size() == 1);
    CHECK(log->next_command(kFirst, Offset(1)) == Offset(1));
    cluster.broker.put_mark("books.commands", 0);
    CHECK(input_of(*log, Offset(1)).empty());
    CHECK(log->next_command(kFirst, Offset(1)) == Offset(2));
}

}  // namespace
}  // namespace vouch
