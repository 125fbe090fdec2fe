#include "events/log/embedded/recovery.h"
#include "tests/events/log_embedded_support.h"
#include "tests/support/memory_files.h"

#include <doctest/doctest.h>

// What an operator may give up of a log that does not open, and what not.

namespace vouch {
namespace {

using namespace test;

void flip(MemoryFiles& disk, std::size_t at) {
    Bytes bytes = disk.contents(kSegment0);
    bytes[at] ^= std::byte{1};
    disk.overwrite(kSegment0, bytes);
}

LossReport examine(MemoryFiles& disk) {
    Result<LossReport> report = examine_loss(tiny(), disk);
    REQUIRE_MESSAGE(report, fault_of(report));
    return std::move(*report);
}

/// Shard 0 sends steps with its second record; shard 1 writes one record, and may have taken them.
void write_both(MemoryFiles& disk, bool takes_steps) {
    auto log = open(disk);
    append(*log, {"first"});
    TextCommit sender(1, "sends");
    sender.send(kSecond, "steps");
    require(commit_and_await(*log, kFirst, kTerm, sender));
    REQUIRE(log->acquire(kSecond, kTerm));
    TextCommit taker(0, "takes or not");
    if (takes_steps) taker.consume(Offset(1));
    require(commit_and_await(*log, kSecond, kTerm, taker));
}

TEST_CASE("recovery: a log that opens has lost nothing") {
    MemoryFiles disk;
    write_both(disk, true);
    CHECK(examine(disk).stop.empty());
    // A torn end is no loss either.
    Bytes bytes = disk.contents(kSegment0);
    std::fill_n(bytes.begin() + 3 * kBlock, 512, std::byte{0});
    bytes[3 * kBlock + 600] = std::byte{'x'};
    disk.overwrite(kSegment0, bytes);
    const LossReport torn = examine(disk);
    CHECK(torn.stop.empty());
    CHECK(starts_with(torn.torn, "log/00000000.segment at byte 12288: "));
}

TEST_CASE("recovery: all that lies behind the damage is lost, and named") {
    MemoryFiles disk;
    write_both(disk, false);
    flip(disk, 2 * kBlock + 64 + 12);  // behind header and table, in the record
    const Bytes before = disk.contents(kSegment0);
    const LossReport report = examine(disk);
    CHECK(report.stop ==
          "log/00000000.segment at byte 8192: shard 0 record 1: record or steps fail their "
          "checksum; frames "
          "behind it prove that it was durable");
    CHECK(report.ends == std::vector<RecordNumber>{RecordNumber(1), RecordNumber(0)});
    CHECK(report.losing == std::vector<ShardId>{kFirst, kSecond});
    CHECK(report.place == "log/00000000.segment from byte 8192 to byte 12287");
    CHECK(report.last_lost[0] == RecordNumber(1));
    CHECK(report.last_lost[1] == RecordNumber(0));
    CHECK(report.intact == std::vector<std::uint64_t>{0, 1});
    CHECK(report.refused.empty());
    CHECK(disk.contents(kSegment0) == before);

    const Result<Texts> kept = cut_lost(tiny(), disk);
    REQUIRE_MESSAGE(kept, fault_of(kept));
    CHECK(*kept == Texts{"log/cut-0-8192-0"});
    CHECK(cut_lost(tiny(), disk).value().empty());
    auto log = open(disk);
    CHECK(texts(*log, kFirst) == Texts{"first"});
    CHECK(texts(*log, kSecond).empty());
    CHECK(step_texts(*log, kSecond).empty());
    append(*log, {"goes on"});
    log.reset();
    CHECK(texts(*open(disk), kFirst) == Texts{"first", "goes on"});
}

TEST_CASE("recovery: who has taken a step of a lost record loses that record with it") {
    MemoryFiles disk;
    write_both(disk, true);
    flip(disk, 2 * kBlock + 64);
    const LossReport report = examine(disk);
    CHECK(report.losing == std::vector<ShardId>{kFirst, kSecond});
    CHECK(report.refused.empty());
    const Result<Texts> kept = cut_lost(tiny(), disk);
    REQUIRE_MESSAGE(kept, fault_of(kept));
    auto log = open(disk);
    CHECK(texts(*log, kFirst) == Texts{"first"});
    CHECK(texts(*log, kSecond).empty());
    CHECK(step_texts(*log, kSecond).empty());
}

TEST_CASE("recovery: not more than the last segment") {
    MemoryFiles disk;
    append(*open(disk), Texts(5, std::string(9000, 'x')));
    flip(disk, kBlock + 9);
    CHECK(examine(disk).refused ==
          "more than the last segment would be lost: put log/00000000.segment back from a copy");
}

TEST_CASE("recovery: a segment in the middle that holds no frames is put back, and named") {
    MemoryFiles disk;
    {
        auto log = open(disk);
        Texts texts;
        for (char c = 'a'; c < 'i'; ++c) texts.emplace_back(6'000, c);
        append(*log, texts);
    }
    // An older copy, of when it was made ahead.
    Bytes emptied = disk.contents(kSegment1);
    std::fill(emptied.begin() + kBlock, emptied.end(), std::byte{0});
    disk.overwrite(kSegment1, emptied);
    const LossReport report = examine(disk);
    CHECK(report.place == "log/00000001.segment from byte 4096 on");
    CHECK(report.refused ==
          "more than the last segment would be lost: put log/00000001.segment back from a copy");
}

TEST_CASE("recovery: not beside a writer, and not of nothing") {
    MemoryFiles disk;
    CHECK(fault_of(examine_loss(tiny(), disk)) == "configuration: the log in log is gone");
    auto log = open(disk);
    CHECK(starts_with(fault_of(examine_loss(tiny(), disk)), "fenced: "));
    CHECK(starts_with(fault_of(cut_lost(tiny(), disk)), "fenced: "));
}

/// A log in three segments, of which the third has one record.
void fill_three(MemoryFiles& disk) {
    append(*open(disk), {"a", "b", "c", "d", "e", "f", "g"});
    REQUIRE(disk.exists("log/00000002.segment"));
}

TEST_CASE("recovery: the newest segment, when its file is gone, is missed by everybody") {
    MemoryFiles disk;
    fill_three(disk);
    disk.remove("log/00000002.segment");
    const std::string missed =
        "log/00000002.segment is missing, and records were written there";
    CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) == "corrupt: " + missed);
    // Archives take it along, so it names no directory.
    CHECK("log/" + *open_reader(disk)->unreadable_end().value() == missed);
    const LossReport report = examine(disk);
    CHECK(report.stop == missed);
    CHECK(report.refused.empty());
    CHECK(report.place == "log/00000002.segment, whole");
    CHECK(report.ends[0] == RecordNumber(6));
    CHECK_FALSE(disk.exists("log/00000002.segment"));

    REQUIRE(cut_lost(tiny(), disk));
    auto log = open(disk);
    CHECK(texts(*log, kFirst) == Texts{"a", "b", "c", "d", "e", "f"});
    append(*log, {"again"});
    log.reset();
    disk.remove("log/00000002.segment");
    CHECK(examine(disk).stop == missed);
}

TEST_CASE("recovery: more than the newest segment gone is only put back") {
    MemoryFiles disk;
    fill_three(disk);
    const Bytes middle = disk.contents(kSegment1);
    disk.remove(kSegment1);
    disk.remove("log/00000002.segment");
    CHECK(starts_with(examine(disk).refused, "more than the last segment would be lost: "));
    disk.overwrite(kSegment1, middle);
    CHECK(examine(disk).refused.empty());
}

TEST_CASE("recovery: a note of the newest segment that is none stops, and says what to do") {
    MemoryFiles disk;
    fill_three(disk);
    for (const std::string text : {"", "2", "x\n", "2\n2\n", "-1\n", "99999999999999999999\n"}) {
        CAPTURE(text);
        disk.overwrite("log/newest", bytes_of(text));
        const std::string told =
            "log/newest is not what was written; where no segment is missing, move it aside";
        CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) == "corrupt: " + told);
        CHECK(fault_of(examine_loss(tiny(), disk)) == "corrupt: " + told);
        // Who reads goes on.
        const auto reader = open_reader(disk);
        CHECK(texts(*reader, kFirst).size() == 7);
        CHECK("log/" + *reader->unreadable_end().value() == told);
    }
    disk.remove("log/newest");
    CHECK(texts(*open(disk), kFirst).size() == 7);
}

}  // namespace
}  // namespace vouch
