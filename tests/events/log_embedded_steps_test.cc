#include "events/log/embedded/crc32c.h"
#include "events/log/embedded/frame.h"
#include "tests/events/log_embedded_support.h"
#include "tests/support/memory_files.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>

namespace vouch {
namespace {

using namespace test;

/// Commits to the first shard a record and, if there is one, a batch of steps for the second.
void append_with_steps(Log& log, std::uint64_t number, const std::string& record,
                       const std::string& steps) {
    TextCommit commit(number, record);
    if (!steps.empty()) commit.send(kSecond, steps);
    require(commit_and_await(log, kFirst, kTerm, commit));
}

/// A segment with two frames, a record and its steps each.
Bytes two_frames() {
    MemoryFiles disk;
    {
        auto log = open(disk);
        REQUIRE(log->acquire(kFirst, kTerm));
        append_with_steps(*log, 0, "first", "sent first");
        append_with_steps(*log, 1, "second", "sent second");
    }
    return disk.contents(kSegment0);
}

TEST_CASE("embedded log: a commit with steps is one write and one sync") {
    MemoryFiles disk;
    auto log = open(disk);
    append(*log, {"a"});
    const std::uint64_t writes = disk.calls("pwritev");
    const std::uint64_t syncs = disk.calls("fdatasync");
    TextCommit commit(1, "b");
    commit.send(kSecond, "one").send(kSecond, "two");
    require(commit_and_await(*log, kFirst, kTerm, commit));
    CHECK(disk.calls("pwritev") == writes + 1);
    CHECK(disk.calls("fdatasync") == syncs + 1);
    CHECK(step_texts(*log, kSecond) == Texts{"one", "two"});
}

TEST_CASE("embedded log: steps are not there before their commit is durable") {
    MemoryFiles disk;
    auto log = open(disk);
    REQUIRE(log->acquire(kFirst, kTerm));
    TextCommit commit(0, "a");
    commit.send(kSecond, "sent");
    disk.pause_sync();
    const CommitTicket ticket = log->commit(kFirst, kTerm, commit.commit()).value();
    disk.await_paused_sync();
    CHECK(step_texts(*log, kSecond).empty());
    disk.resume_sync();
    require(log->await(ticket));
    CHECK(step_texts(*log, kSecond) == Texts{"sent"});
}

TEST_CASE("embedded log: steps whose sync failed are handed to nobody") {
    MemoryFiles disk;
    auto log = open(disk);
    REQUIRE(log->acquire(kFirst, kTerm));
    append_with_steps(*log, 0, "a", "kept");
    disk.fail_always("fdatasync", EIO);
    TextCommit commit(1, "b");
    commit.send(kSecond, "doubtful");
    CHECK(starts_with(fault_of(commit_and_await(*log, kFirst, kTerm, commit)), "storage: "));
    CHECK(starts_with(step_texts(*log, kSecond).front(), "storage: fdatasync"));
    disk.power_off();
    log.reset();
    disk.fail_always("fdatasync", 0);
    disk.power_on(0);
    CHECK(step_texts(*open(disk), kSecond) == Texts{"kept"});
}

TEST_CASE("embedded log: steps in every segment wait after reopening, the consumed ones do not") {
    MemoryFiles disk;
    auto log = open(disk);
    REQUIRE(log->acquire(kFirst, kTerm));
    Texts sent;
    for (std::uint64_t i = 0; i < 20; ++i) {
        sent.push_back(std::to_string(i) + std::string(50 * i, 's'));
        append_with_steps(*log, i, std::string(900, 'x'), sent.back());
    }
    CHECK(disk.exists("log/00000006.segment"));
    CHECK(step_texts(*log, kSecond) == sent);
    log.reset();
    log = open(disk);
    CHECK(step_texts(*log, kSecond) == sent);
    REQUIRE(log->acquire(kSecond, kTerm));
    TextCommit consumer(0, "took seven");
    consumer.consume(Offset(7));
    require(commit_and_await(*log, kSecond, kTerm, consumer));
    const Texts left(sent.begin() + 7, sent.end());
    for (int again = 0; again < 2; ++again) {
        CHECK(step_texts(*log, kSecond) == left);
        CHECK(step_texts(*log, kSecond, Offset(8), 1) == Texts{sent[8]});
        log.reset();
        log = open(disk);
    }
    REQUIRE(log->acquire(kSecond, kTerm));
    TextCommit rest(1, "took all");
    rest.consume(Offset(20));
    require(commit_and_await(*log, kSecond, kTerm, rest));
    REQUIRE(log->acquire(kFirst, kTerm));
    append_with_steps(*log, 20, "y", "the next");
    std::vector<StepInput> found;
    require(log->read_steps(kSecond, Offset(0), 10, found));
    REQUIRE(found.size() == 1);
    CHECK(found[0].offset == Offset(20));
}

TEST_CASE("embedded log: where steps were taken that it never had, later ones follow them") {
    MemoryFiles disk;
    auto log = open(disk);
    REQUIRE(log->acquire(kSecond, kTerm));
    const std::vector<std::uint64_t> consumed = {900, 0, 905, 5};
    for (std::uint64_t i = 0; i < consumed.size(); ++i) {
        TextCommit taken(i, "took elsewhere, and then read again from before");
        taken.consume(Offset(consumed[i]));
        require(commit_and_await(*log, kSecond, kTerm, taken));
    }
    REQUIRE(log->acquire(kFirst, kTerm));
    append_with_steps(*log, 0, "a", "sent");
    for (int again = 0; again < 2; ++again) {
        std::vector<StepInput> found;
        require(log->read_steps(kSecond, Offset(5), 10, found));
        REQUIRE(found.size() == 1);
        CHECK(found[0].offset == Offset(5));
        log.reset();
        log = open(disk);
    }
}

TEST_CASE(
    "embedded log: opening reads headers and tables of earlier segments, not what they hold") {
    MemoryFiles disk;
    {
        auto log = open(disk);
        REQUIRE(log->acquire(kFirst, kTerm));
        append_with_steps(*log, 0, std::string(6000, 'x'), std::string(6000, 's'));
        append_with_steps(*log, 1, std::string(6000, 'y'), std::string(6000, 't'));
    }
    Bytes bytes = disk.contents(kSegment0);
    const std::size_t batch = 4096 + 64 + 12 + 6000;
    bytes[batch + 7] ^= std::byte{1};
    disk.overwrite(kSegment0, bytes);
    auto log = open(disk);
    CHECK(texts(*log, kFirst).size() == 2);
    std::string changed(6000, 's');
    changed[7] ^= 1;
    CHECK(step_texts(*log, kSecond) == Texts{changed, std::string(6000, 't')});
    CHECK(log->damage_beside(kFirst, RecordNumber(0))->place == kSegment0 + " at byte 10172");
    CHECK_FALSE(log->damage_beside(kFirst, RecordNumber(1)));
}

TEST_CASE("embedded log: changed steps are no loss, once a later frame proves them durable") {
    const Bytes whole = two_frames();
    struct Row {
        std::size_t byte;
        std::string expected;
    };
    const Row rows[] = {
        {4096 + 64 + 12 + 5, "no fault"},             // the first frame's steps
        {4096 + 64 + 12, "corrupt: "},                // its record
        {4096 + 64, "corrupt: "},                     // its table
        {8192 + 64 + 12 + 6, "corrupt: log/00000000.segment at byte 8192: shard 0 record 1: record "
                             "or steps "},
    };
    for (const Row& row : rows) {
        CAPTURE(row.byte);
        Bytes flipped = whole;
        flipped[row.byte] ^= std::byte{1};
        MemoryFiles disk;
        disk.overwrite(kSegment0, flipped);
        auto log = EmbeddedLog::open(tiny(), disk);
        REQUIRE(starts_with(fault_of(log), row.expected));
        if (!log) continue;
        CHECK(texts(**log, kFirst) == Texts{"first", "second"});
        CHECK(step_texts(**log, kSecond) == Texts{"rent first", "sent second"});
        CHECK((*log)->report().torn_bytes == 0);
        const auto beside = (*log)->damage_beside(kFirst, RecordNumber(0));
        REQUIRE(beside);
        CHECK(starts_with(beside->what, "shard 0 record 0: its steps for shard 1 are not what"));
        CHECK(beside->place == kSegment0 + " at byte 4177");
        CHECK_FALSE((*log)->damage_beside(kFirst, RecordNumber(1)));
    }
}

TEST_CASE("embedded log: each part of a frame beside its record is looked at") {
    MemoryFiles disk;
    auto log = open(disk);
    REQUIRE(log->acquire(kFirst, kTerm));
    append_with_steps(*log, 0, "first", "sent first");
    append_with_steps(*log, 1, "second", "");
    const Bytes whole = disk.contents(kSegment0);
    const std::size_t record = 4096 + 64 + 12;
    const std::size_t end = record + 5 + 10;
    for (std::size_t at = 4096; at < end; ++at) {
        CAPTURE(at);
        Bytes flipped = whole;
        flipped[at] ^= std::byte{1};
        disk.overwrite(kSegment0, flipped);
        const auto beside = log->damage_beside(kFirst, RecordNumber(0));
        const bool is_record = at >= record && at < record + 5;
        REQUIRE(beside.has_value() == !is_record);
        if (!is_record) {
            REQUIRE(beside->place == kSegment0 + " at byte " +
                                         std::to_string(at < record ? 4096 : record + 5));
        }
        REQUIRE_FALSE(log->damage_beside(kFirst, RecordNumber(1)));
    }
}

TEST_CASE("embedded log: an older segment that is removed while it is open is told beside its records") {
    MemoryFiles disk;
    auto log = open(disk);
    append(*log, Texts(5, std::string(9000, 'x')));
    CHECK_FALSE(log->damage_beside(kFirst, RecordNumber(0)));
    REQUIRE(disk.remove(kSegment0));
    const auto damage = log->damage_beside(kFirst, RecordNumber(0));
    REQUIRE(damage);
    CHECK(starts_with(damage->what, "shard 0 record 0: its file was removed"));
    CHECK_FALSE(log->damage_beside(kFirst, RecordNumber(4)));
}

TEST_CASE("embedded log: a damaged table of steps is damage, wherever it is") {
    MemoryFiles disk;
    auto log = open(disk);
    REQUIRE(log->acquire(kFirst, kTerm));
    append_with_steps(*log, 0, "a", "steps");
    append_with_steps(*log, 1, "b", "");
    SUBCASE("in the last segment") {}
    SUBCASE("in an earlier one") { append_with_steps(*log, 2, std::string(9000, 'x'), ""); }
    log.reset();
    Bytes bytes = disk.contents(kSegment0);
    bytes[4096 + 64 + 5] ^= std::byte{1};
    disk.overwrite(kSegment0, bytes);
    CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) ==
          "corrupt: log/00000000.segment at byte 4096: expected frame 0 with shard 0 record 0 or "
          "shard 1 record "
          "0, found no frame; frames behind it prove that it was durable");
}

TEST_CASE("embedded log: a table of steps may lie across what is read at a time") {
    MemoryFiles disk;
    EmbeddedLogOptions options = tiny();
    options.segment_bytes = 256 << 10;
    auto log = open(disk, options);
    REQUIRE(log->acquire(kFirst, kTerm));
    std::uint64_t number = 0;
    Texts expected;
    for (int round = 0; round < 4; ++round) {
        for (int i = 0; i < 60; ++i) append_with_steps(*log, number++, "x", "");
        TextCommit commit(number++, "many");
        for (std::size_t i = 0; i < kCommitStepsMax; ++i) {
            expected.push_back(std::to_string(i));
            commit.send(kSecond, expected.back());
        }
        require(commit_and_await(*log, kFirst, kTerm, commit));
    }
    log.reset();
    log = open(disk, options);
    CHECK(log->report().torn_bytes == 0);
    CHECK(log->end(kFirst).value() == RecordNumber(number));
    CHECK(step_texts(*log, kSecond) == expected);
}

TEST_CASE("embedded log: a tail with steps torn at any sector loses record and steps together") {
    MemoryFiles origin;
    {
        auto log = open(origin);
        REQUIRE(log->acquire(kFirst, kTerm));
        append_with_steps(*log, 0, "first", "sent first");
        TextCommit last(1, "last");
        last.send(kSecond, "sent last").send(kSecond, std::string(1700, 's'));
        require(commit_and_await(*log, kFirst, kTerm, last));
    }
    const Bytes whole = origin.contents(kSegment0);
    const std::size_t begin = 8192;
    const std::size_t end = begin + 64 + 2 * 12 + 4 + 9 + 1700;
    for (std::size_t cut = begin; cut < end + 512; cut += 512) {
        CAPTURE(cut);
        Bytes torn = whole;
        std::fill(torn.begin() + static_cast<std::ptrdiff_t>(cut), torn.end(), std::byte{0});
        MemoryFiles disk;
        disk.overwrite(kSegment0, torn);
        const bool is_whole = cut >= end;
        Texts records{"first"};
        Texts steps{"sent first"};
        if (is_whole) {
            records.push_back("last");
            steps.insert(steps.end(), {"sent last", std::string(1700, 's')});
        }
        REQUIRE(texts(*open_reader(disk), kFirst) == records);
        auto log = open(disk);
        REQUIRE(texts(*log, kFirst) == records);
        REQUIRE(step_texts(*log, kSecond) == steps);
        REQUIRE((log->report().torn_bytes > 0) == (!is_whole && cut > begin));
        REQUIRE(log->acquire(kFirst, kTerm));
        append_with_steps(*log, is_whole ? 2 : 1, "n", "sent after");
        log.reset();
        log = open(disk);
        steps.push_back("sent after");
        REQUIRE(step_texts(*log, kSecond) == steps);
        REQUIRE(log->report().torn_bytes == 0);
    }
}

TEST_CASE("embedded log: a flipped bit in a frame with steps is found") {
    const Bytes whole = two_frames();
    const std::size_t first_end = 4096 + 64 + 12 + 5 + 10;
    const std::size_t second_end = 8192 + 64 + 12 + 6 + 11;
    for (std::size_t bit = std::size_t{4096} * 8; bit < second_end * 8; ++bit) {
        const std::size_t at = bit / 8;
        if (at >= first_end && at < 8192) continue;  // padding
        CAPTURE(bit);
        Bytes flipped = whole;
        flipped[at] ^= static_cast<std::byte>(1 << bit % 8);
        MemoryFiles disk;
        disk.overwrite(kSegment0, flipped);
        const auto log = EmbeddedLog::open(tiny(), disk);
        const bool is_proven = at >= first_end - 10 && at < first_end;
        REQUIRE(starts_with(fault_of(log), is_proven ? "no fault" : "corrupt: "));
        if (is_proven) REQUIRE((*log)->damage_beside(kFirst, RecordNumber(0)));
    }
}

TEST_CASE("embedded log: an intact frame with steps that nobody can have sent is damage") {
    struct Row {
        StepEntry entry;
        std::uint32_t steps_length;
        std::string expected;
    };
    const Bytes batch = bytes_of("steps");
    const std::uint32_t crc = crc32c(0, batch);
    const Row rows[] = {
        {{1, 5, crc}, 5, "no fault"},
        {{0, 5, crc},
         5,
         "corrupt: log/00000000.segment at byte 4096: shard 0 record 0: steps are for no other "
         "shard, of so "
         "many, expected 2 found 0"},
        {{2, 5, crc},
         5,
         "corrupt: log/00000000.segment at byte 4096: shard 0 record 0: steps are for no other "
         "shard, of so "
         "many, expected 2 found 2"},
        {{1, 5, crc},
         6,
         "corrupt: log/00000000.segment at byte 4096: shard 0 record 0: bytes of steps, expected 6 "
         "found 5"},
        {{1, 6, crc},
         5,
         "corrupt: log/00000000.segment at byte 4096: shard 0 record 0: bytes of steps, expected 5 "
         "found 6"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.expected);
        MemoryFiles disk;
        open(disk);
        const Bytes table = encode_step_table(std::span(&row.entry, 1));
        FrameHeader header{};
        header.steps = 1;
        header.steps_length = row.steps_length;
        header.table_crc = crc32c(0, table);
        header.offset = 4096;
        const HeaderBytes head = encode_frame_header(header, disk.random());
        Bytes bytes = disk.contents(kSegment0);
        std::copy(head.begin(), head.end(), bytes.begin() + 4096);
        std::copy(table.begin(), table.end(), bytes.begin() + 4160);
        std::copy(batch.begin(), batch.end(), bytes.begin() + 4172);
        disk.overwrite(kSegment0, bytes);
        CHECK(fault_of(EmbeddedLogReader::open(tiny(), disk)) == row.expected);
        CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) == row.expected);
    }
}

TEST_CASE("embedded log: a read of steps that fails says so, and the next one succeeds") {
    MemoryFiles disk;
    auto log = open(disk);
    REQUIRE(log->acquire(kFirst, kTerm));
    append_with_steps(*log, 0, "a", "steps");
    CHECK(step_texts(*log, kSecond) == Texts{"steps"});
    disk.fail_read(1, EIO);
    CHECK(step_texts(*log, kSecond) ==
          Texts{"storage: pread of log/00000000.segment failed: Input/output error (errno 5)"});
    CHECK(step_texts(*log, kSecond) == Texts{"steps"});
}

TEST_CASE("embedded log: a commit that no segment holds is refused and the log goes on") {
    for (const std::uint64_t segment_bytes : {8192U, 8196U}) {
        CAPTURE(segment_bytes);
        MemoryFiles disk;
        EmbeddedLogOptions options = tiny();
        options.segment_bytes = segment_bytes;
        auto log = open(disk, options);
        REQUIRE(log->acquire(kFirst, kTerm));
        CHECK(fault_of(commit_text(*log, kFirst, kTerm, 0, std::string(4033, 'x'))) ==
              "storage: shard 0 record 0 has 4033 bytes with its steps, at most 4032 fit into a "
              "segment");
        TextCommit commit(0, std::string(2000, 'x'));
        commit.send(kSecond, std::string(2021, 's'));
        CHECK(starts_with(fault_of(log->commit(kFirst, kTerm, commit.commit())), "storage: "));
        append_with_steps(*log, 0, std::string(2000, 'x'), std::string(2020, 's'));
        append_with_steps(*log, 1, std::string(4032, 'x'), "");
        CHECK(texts(*log, kFirst).size() == 2);
        CHECK(step_texts(*log, kSecond) == Texts{std::string(2020, 's')});
    }
}

}  // namespace
}  // namespace vouch
