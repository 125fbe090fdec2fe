#include "events/log/embedded/frame.h"
#include "tests/events/log_embedded_support.h"
#include "tests/support/memory_files.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>

namespace vouch {
namespace {

using namespace test;

TEST_CASE("embedded log: frames that do not fit start the next segment") {
    MemoryFiles disk;
    Texts expected;
    for (int i = 0; i < 20; ++i)
        expected.push_back(std::string(900 + 50 * static_cast<std::size_t>(i), 'x'));
    append(*open(disk), expected);
    CHECK(disk.exists("log/00000006.segment"));
    auto log = open(disk);
    CHECK(texts(*log, kFirst) == expected);
    CHECK(log->report().frames == 20);
    CHECK(log->report().torn_bytes == 0);
    append(*log, {"more"});
    log.reset();
    CHECK(texts(*open(disk), kFirst).size() == 21);
}

TEST_CASE("embedded log: segments made in the background hold the same frames") {
    MemoryFiles disk;
    EmbeddedLogOptions options = tiny();
    options.prepare_in_background = true;
    Texts expected;
    for (int i = 0; i < 200; ++i)
        expected.push_back(std::string(1 + 13 * static_cast<std::size_t>(i), 'x'));
    append(*open(disk, options), expected);
    CHECK(texts(*open(disk, options), kFirst) == expected);
}

TEST_CASE("embedded log: what is queued during a sync shares the next write and sync") {
    MemoryFiles disk;
    auto log = open(disk);
    append(*log, {"a"});
    REQUIRE(log->acquire(kSecond, kTerm));
    const TextCommit b(1, "b"), c(2, "c"), x(0, "x");
    disk.pause_sync();
    const CommitTicket first = log->commit(kFirst, kTerm, b.commit()).value();
    disk.await_paused_sync();
    const std::uint64_t writes = disk.calls("pwritev");
    const std::uint64_t syncs = disk.calls("fdatasync");
    REQUIRE(log->commit(kFirst, kTerm, c.commit()));
    const CommitTicket last = log->commit(kSecond, kTerm, x.commit()).value();
    // Written, but not durable: nobody sees it.
    CHECK(log->is_durable(first).value() == false);
    CHECK(texts(*log, kFirst) == Texts{"a"});
    disk.resume_sync();
    require(log->await(last));
    CHECK(disk.calls("pwritev") == writes + 1);
    CHECK(disk.calls("fdatasync") == syncs + 2);
    CHECK(texts(*log, kFirst) == Texts{"a", "b", "c"});
}

TEST_CASE("embedded log: a new writer waits for what the old one has in flight") {
    MemoryFiles disk;
    auto log = open(disk);
    REQUIRE(log->acquire(kFirst, kTerm));
    const TextCommit a(0, "a");
    disk.pause_sync();
    REQUIRE(log->commit(kFirst, kTerm, a.commit()));
    disk.await_paused_sync();
    std::atomic<bool> has_begun = false;
    std::atomic<bool> has_acquired = false;
    RecordNumber next(99);
    std::thread successor([&] {
        has_begun = true;
        next = log->acquire(kFirst, Term(2)).value().next_record;
        has_acquired = true;
    });
    while (!has_begun) std::this_thread::yield();
    for (int look = 0; look < 1000; ++look) {
        REQUIRE_FALSE(has_acquired);
        std::this_thread::yield();
    }
    disk.resume_sync();
    successor.join();
    CHECK(next == RecordNumber(1));
    CHECK(texts(*log, kFirst) == Texts{"a"});
}

TEST_CASE("embedded log: commits in flight are bounded") {
    MemoryFiles disk;
    auto log = open(disk);
    REQUIRE(log->acquire(kFirst, kTerm));
    std::vector<std::unique_ptr<TextCommit>> commits;
    for (std::size_t i = 0; i <= kCommitsInFlightMax; ++i) {
        commits.push_back(std::make_unique<TextCommit>(i, "x"));
    }
    disk.pause_sync();
    CommitTicket last;
    for (std::size_t i = 0; i < kCommitsInFlightMax; ++i) {
        last = log->commit(kFirst, kTerm, commits[i]->commit()).value();
    }
    CHECK(
        starts_with(fault_of(log->commit(kFirst, kTerm, commits.back()->commit())), "retriable: "));
    disk.await_paused_sync();
    disk.resume_sync();
    require(log->await(last));
}

TEST_CASE("embedded log: a torn frame before a whole one of the same group is a torn end") {
    MemoryFiles disk;
    {
        auto log = open(disk);
        append(*log, {"a"});
        const TextCommit b(1, "b"), c(2, std::string(1000, 'c')), d(3, "d");
        disk.pause_sync();
        REQUIRE(log->commit(kFirst, kTerm, b.commit()));
        disk.await_paused_sync();
        REQUIRE(log->commit(kFirst, kTerm, c.commit()));
        const CommitTicket last = log->commit(kFirst, kTerm, d.commit()).value();
        disk.resume_sync();
        require(log->await(last));
    }
    Bytes bytes = disk.contents(kSegment0);
    SUBCASE("c, which was written with d") {
        std::fill_n(bytes.begin() + 12288, 512, std::byte{0});
        disk.overwrite(kSegment0, bytes);
        CHECK(texts(*open_reader(disk), kFirst) == Texts{"a", "b"});
        auto log = open(disk);
        CHECK(texts(*log, kFirst) == Texts{"a", "b"});
        CHECK(log->report().torn_at == "log/00000000.segment at byte 12800");
        append(*log, {"n"});
        log.reset();
        CHECK(texts(*open(disk), kFirst) == Texts{"a", "b", "n"});
    }
    SUBCASE("b, which was durable before d was written") {
        bytes[8192 + 64] ^= std::byte{1};
        disk.overwrite(kSegment0, bytes);
        CHECK(starts_with(fault_of(EmbeddedLog::open(tiny(), disk)), "corrupt: "));
    }
}

TEST_CASE("embedded log: a tail torn at any sector is kept, cut, reported, and written over") {
    MemoryFiles origin;
    const Texts all{"first", std::string(1000, 's'), std::string(3000, 't')};
    append(*open(origin), all);
    const Bytes whole = origin.contents(kSegment0);
    // Where the frames end, each in a block of its own.
    const std::size_t ends[] = {4096 + 64 + 5, 8192 + 64 + 1000, 12288 + 64 + 3000};
    for (std::size_t cut = 4096; cut < ends[2] + 512; cut += 512) {
        CAPTURE(cut);
        Bytes torn = whole;
        std::fill(torn.begin() + static_cast<std::ptrdiff_t>(cut), torn.end(), std::byte{0});
        std::size_t kept = 0;
        while (kept < 3 && ends[kept] <= cut) ++kept;
        Texts expected(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept));
        const std::size_t begin = 4096 * (kept + 1);
        const bool is_torn = cut > begin;

        MemoryFiles disk;
        disk.overwrite(kSegment0, torn);
        CHECK(texts(*open_reader(disk), kFirst) == expected);
        CHECK(disk.contents(kSegment0) == torn);
        auto log = open(disk);
        REQUIRE(texts(*log, kFirst) == expected);
        REQUIRE((log->report().torn_bytes > 0) == is_torn);
        REQUIRE(log->report().frames == kept);
        REQUIRE(log->report().kept_in.size() == (is_torn ? 1 : 0));
        if (is_torn) {
            const std::string copy = "log/cut-0-" + std::to_string(begin) + "-0";
            REQUIRE(log->report().kept_in.front() == copy);
            const Bytes bytes = disk.contents(copy);
            REQUIRE(bytes ==
                    Bytes(torn.begin() + static_cast<std::ptrdiff_t>(begin),
                          torn.begin() + static_cast<std::ptrdiff_t>(begin + bytes.size())));
        }
        append(*log, {"n"});
        log.reset();
        log = open(disk);
        expected.push_back("n");
        REQUIRE(texts(*log, kFirst) == expected);
        REQUIRE(log->report().torn_bytes == 0);
    }
}

TEST_CASE("embedded log: whichever sectors of the last write a crash kept off, it is torn") {
    MemoryFiles origin;
    append(*open(origin), {"first"});
    const Bytes before = origin.contents(kSegment0);
    {
        auto log = open(origin);
        REQUIRE(log->acquire(kFirst, kTerm));
        const TextCommit b(1, "b"), c(2, std::string(1500, 'c')), d(3, std::string(900, 'd'));
        origin.pause_sync();
        REQUIRE(log->commit(kFirst, kTerm, b.commit()));
        origin.await_paused_sync();
        REQUIRE(log->commit(kFirst, kTerm, c.commit()));
        const CommitTicket last = log->commit(kFirst, kTerm, d.commit()).value();
        origin.resume_sync();
        require(log->await(last));
    }
    // c and d are one group of eight sectors, the last two of them padding.
    const Bytes whole = origin.contents(kSegment0);
    for (std::uint32_t there = 0; there < 256; ++there) {
        CAPTURE(there);
        Bytes torn = whole;
        for (std::size_t sector = 0; sector < 8; ++sector) {
            if ((there >> sector & 1) != 0) continue;
            std::fill_n(torn.begin() + 12288 + static_cast<std::ptrdiff_t>(512 * sector), 512,
                        std::byte{0});
        }
        MemoryFiles disk;
        disk.overwrite(kSegment0, torn);
        auto log = open(disk);
        Texts expected{"first", "b"};
        if ((there & 0x0F) == 0x0F) expected.push_back(std::string(1500, 'c'));
        if ((there & 0x1F) == 0x1F && (there & 0x20) != 0) {
            expected.push_back(std::string(900, 'd'));
        }
        REQUIRE(texts(*log, kFirst) == expected);
        append(*log, {"n"});
        log.reset();
        expected.push_back("n");
        REQUIRE(texts(*open(disk), kFirst) == expected);
    }
}

TEST_CASE("embedded log: a flipped bit is damage, in the last group too, unless it is in padding") {
    MemoryFiles origin;
    const Texts all{"first", std::string(64, 's'), "third"};
    append(*open(origin), all);
    const Bytes whole = origin.contents(kSegment0);
    for (const std::size_t frame : {4096U, 8192U, 12288U}) {
        const std::size_t used = frame == 8192 ? 128 : 69;
        for (std::size_t bit = 0; bit < std::size_t{192} * 8; ++bit) {
            const std::size_t at = frame + bit / 8;
            CAPTURE(at);
            Bytes flipped = whole;
            flipped[at] ^= static_cast<std::byte>(1 << bit % 8);
            MemoryFiles disk;
            disk.overwrite(kSegment0, flipped);
            const auto reader = EmbeddedLogReader::open(tiny(), disk);
            const auto log = EmbeddedLog::open(tiny(), disk);
            if (at >= frame + used) {
                REQUIRE_MESSAGE(log, fault_of(log));
                REQUIRE(texts(**log, kFirst) == all);
                continue;
            }
            REQUIRE(starts_with(fault_of(log), "corrupt: "));
            REQUIRE(disk.contents(kSegment0) == flipped);
            if (frame != 12288) {
                REQUIRE(starts_with(fault_of(reader), "corrupt: "));
                continue;
            }
            // A reader cannot tell rot from a writer at work; it can tell whether there is one.
            REQUIRE_MESSAGE(reader, fault_of(reader));
            REQUIRE(texts(**reader, kFirst) == Texts{all[0], all[1]});
            const auto left = (*reader)->unreadable_end();
            REQUIRE(left);
            REQUIRE(left->has_value());
        }
    }
}

/// Each record of the first shard as a reader that passes damage reads it; "-" for one that is
/// refused.
Texts texts_beside_damage(MemoryFiles& disk, std::string& left) {
    EmbeddedLogOptions options = tiny();
    options.passes_damage = true;
    const auto reader = EmbeddedLogReader::open(options, disk);
    REQUIRE_MESSAGE(reader, fault_of(reader));
    const auto unreadable = (*reader)->unreadable_end();
    REQUIRE(unreadable);
    left = unreadable->value_or("");
    Texts found;
    for (std::uint64_t i = 0; i < (*reader)->end(kFirst)->value(); ++i) {
        std::vector<StoredRecord> stored;
        const Status read = (*reader)->read_records(kFirst, RecordNumber(i), 1, stored);
        if (!read) REQUIRE(read.error().code == FaultCode::corrupt);
        found.push_back(read ? text_of(stored.front().bytes) : "-");
    }
    return found;
}

TEST_CASE("embedded log: a reader that passes damage reads all but what is damaged") {
    MemoryFiles origin;
    const Texts all{"first", std::string(64, 's'), "third", "fourth", std::string(5000, 'f')};
    append(*open(origin), all);
    REQUIRE(origin.exists(kSegment1));
    const Bytes whole = origin.contents(kSegment0);
    std::string left;
    for (const std::size_t at : {4096U, 4096U + 64, 8192U, 8192U + 70, 12288U, 12288U + 64}) {
        CAPTURE(at);
        Bytes flipped = whole;
        flipped[at] ^= std::byte{1};
        MemoryFiles disk;
        disk.overwrite(kSegment0, flipped);
        disk.overwrite(kSegment1, origin.contents(kSegment1));
        Texts expected = all;
        expected[at / 4096 - 1] = "-";
        CHECK(texts_beside_damage(disk, left) == expected);
        CHECK(left == "");
    }
    // Two headers beside each other.
    Bytes flipped = whole;
    flipped[4096] ^= std::byte{1};
    flipped[8192] ^= std::byte{1};
    MemoryFiles disk;
    disk.overwrite(kSegment0, flipped);
    disk.overwrite(kSegment1, origin.contents(kSegment1));
    Texts expected = all;
    expected[0] = expected[1] = "-";
    CHECK(texts_beside_damage(disk, left) == expected);
}

TEST_CASE("embedded log: a lost frame of a shard that has none behind it is told as its end") {
    MemoryFiles disk;
    {
        const auto log = open(disk);
        append(*log, {"first"});
        REQUIRE(log->acquire(ShardId(1), kTerm));
        require(commit_text(*log, ShardId(1), kTerm, 0, "only"));
        require(commit_text(*log, kFirst, kTerm, 1, "second"));
    }
    Bytes bytes = disk.contents(kSegment0);
    bytes[8192] ^= std::byte{1};
    disk.overwrite(kSegment0, bytes);
    std::string left;
    CHECK(texts_beside_damage(disk, left) == Texts{"first", "second"});
    CHECK(left == "log/00000000.segment at byte 8192: 1 records of shards that have none behind "
                  "them cannot "
                  "be read");
}

TEST_CASE("embedded log: damage names file, byte, shard and record") {
    MemoryFiles disk;
    append(*open(disk), {"first", "second", "third"});
    const Bytes whole = disk.contents(kSegment0);
    SUBCASE("in a record") {
        Bytes bytes = whole;
        bytes[8192 + 64] ^= std::byte{1};
        disk.overwrite(kSegment0, bytes);
        CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) ==
              "corrupt: log/00000000.segment at byte 8192: shard 0 record 1: record or steps fail "
              "their "
              "checksum; "
              "frames behind it prove that it was durable");
    }
    SUBCASE("in a header") {
        Bytes bytes = whole;
        bytes[8192] ^= std::byte{1};
        disk.overwrite(kSegment0, bytes);
        CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) ==
              "corrupt: log/00000000.segment at byte 8192: expected frame 1 with shard 0 record 1 "
              "or shard 1 "
              "record 0, found no frame; frames behind it prove that it was durable");
    }
    SUBCASE("under an open log") {
        auto log = open(disk);
        Bytes bytes = whole;
        bytes[8192 + 64] ^= std::byte{1};
        disk.overwrite(kSegment0, bytes);
        CHECK(starts_with(texts(*log, kFirst).front(),
                          "corrupt: shard 0 record 1: checksum mismatch in log/00000000.segment at "
                          "byte 8256"));
    }
}

TEST_CASE("embedded log: damage in an earlier segment is found when the record is read") {
    MemoryFiles disk;
    append(*open(disk), {"first", std::string(3800, 'x'), "third", "in the next segment"});
    Bytes bytes = disk.contents(kSegment0);
    bytes[8192 + 64 + 5] ^= std::byte{4};
    disk.overwrite(kSegment0, bytes);
    auto log = open(disk);
    CHECK(starts_with(texts(*log, kFirst).front(), "corrupt: shard 0 record 1: checksum mismatch"));
    Bytes out;
    CHECK(log->read_range(kFirst, RecordNumber(1), 0, 10, out));
}

TEST_CASE("embedded log: whole frames lost, repeated or moved are damage") {
    MemoryFiles disk;
    const std::string a(64, 'a');
    append(*open(disk), {a, std::string(64, 'b'), std::string(64, 'c')});
    Bytes bytes = disk.contents(kSegment0);
    const auto frame = [&](std::size_t i) {
        return bytes.begin() + 4096 + static_cast<std::ptrdiff_t>(4096 * i);
    };
    SUBCASE("lost and zeroed") { std::fill(frame(1), frame(2), std::byte{0}); }
    SUBCASE("lost and closed up") {
        std::copy(frame(2), frame(2) + 128, frame(1));
        std::fill(frame(2), frame(3), std::byte{0});
        // The moved frame names its own place, so it is no frame here, nor torn.
    }
    SUBCASE("exchanged") { std::swap_ranges(frame(0), frame(1), frame(1)); }
    SUBCASE("first one repeated") { std::copy(frame(0), frame(1), frame(1)); }
    disk.overwrite(kSegment0, bytes);
    CHECK(starts_with(fault_of(EmbeddedLog::open(tiny(), disk)), "corrupt: log/00000000.segment at "
                                                                 "byte "));
}

TEST_CASE("embedded log: a missing, shortened or foreign segment is damage") {
    MemoryFiles disk;
    append(*open(disk), {std::string(9000, 'a'), std::string(9000, 'b'), std::string(9000, 'c')});
    SUBCASE("missing between others") {
        disk.remove(kSegment1);
        CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) ==
              "corrupt: log/00000001.segment is missing, but log/00000002.segment is there");
    }
    SUBCASE("shortened") {
        Bytes bytes = disk.contents(kSegment1);
        bytes.resize(16000);
        disk.overwrite(kSegment1, bytes);
        CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) ==
              "corrupt: log/00000001.segment: header says segment 1 of 16384 bytes, found segment 1 "
              "of 16000");
    }
    SUBCASE("another one's copy") {
        disk.overwrite(kSegment1, disk.contents(kSegment0));
        CHECK(starts_with(fault_of(EmbeddedLog::open(tiny(), disk)),
                          "corrupt: log/00000001.segment: header says segment 0"));
    }
}

TEST_CASE("embedded log: one process writes, and a second one learns who") {
    MemoryFiles disk;
    auto log = open(disk);
    CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) ==
          "fenced: log in log is being written by process " + std::to_string(::getpid()));
    log.reset();
    CHECK(EmbeddedLog::open(tiny(), disk));
}

TEST_CASE("embedded log: opening refuses what does not fit") {
    MemoryFiles disk;
    EmbeddedLogOptions options = tiny();
    CHECK(fault_of(EmbeddedLogReader::open(options, disk)) == "configuration: the log in log is gone");
    options.shard_count = 0;
    CHECK(starts_with(fault_of(EmbeddedLog::open(options, disk)), "configuration: "));
    open(disk);
    options.shard_count = 3;
    CHECK(fault_of(EmbeddedLog::open(options, disk)) ==
          "configuration: log in log has 2 shards, expected 3");
    options.shard_count = 0;
    const auto reader = EmbeddedLogReader::open(options, disk);
    REQUIRE(reader);
    CHECK((*reader)->shard_count() == 2);
    options.segment_bytes = 100;
    CHECK(starts_with(fault_of(EmbeddedLog::open(options, disk)), "configuration: segment size"));
}

TEST_CASE("embedded log: a reader beside the writer sees the log grow, over segments too") {
    MemoryFiles disk;
    auto log = open(disk);
    auto reader = open_reader(disk);
    CHECK(texts(*reader, kFirst).empty());
    Texts expected;
    for (std::size_t i = 0; i < 30; ++i) {
        expected.push_back(std::string(i * 37, static_cast<char>('a' + i % 26)));
        append(*log, {expected.back()});
        REQUIRE(reader->end(kFirst).value() == RecordNumber(i + 1));
        REQUIRE(texts(*reader, kFirst) == expected);
    }
    CHECK(texts(*open_reader(disk), kFirst) == expected);
}

TEST_CASE("embedded log: a writer may commit between any two reads of a reader") {
    bool completed = false;
    for (std::uint64_t nth = 1; !completed; ++nth) {
        CAPTURE(nth);
        MemoryFiles disk;
        auto log = open(disk);
        append(*log, {"first"});
        completed = true;
        disk.before_read(nth, [&] {
            completed = false;
            append(*log, {"second", std::string(8000, 'x'), "in the next segment"});
        });
        auto reader = open_reader(disk);
        const Texts seen = texts(*reader, kFirst);
        disk.before_read(0, {});
        const Texts all = texts(*log, kFirst);
        REQUIRE(!seen.empty());
        REQUIRE(seen.size() <= all.size());
        REQUIRE(seen == Texts(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(seen.size())));
        REQUIRE(texts(*reader, kFirst) == all);
    }
}

TEST_CASE("embedded log: a copy made beside the writer is the log of that moment, and goes on") {
    for (std::size_t records = 1; records < 12; ++records) {
        CAPTURE(records);
        Texts expected;
        for (std::size_t i = 0; i < records; ++i)
            expected.emplace_back(i * 911, static_cast<char>('a' + i));
        Texts copied;
        bool is_quiet = false;
        // The writer goes on before each of the copy's reads in turn; the last ones come when its
        // end stands, and what is written then is not in the copy.
        for (std::uint64_t nth = 1; !is_quiet; ++nth) {
            MemoryFiles disk;
            auto log = open(disk);
            append(*log, expected);
            auto reader = open_reader(disk);
            REQUIRE(disk.make_directory("copy"));
            is_quiet = true;
            disk.before_read(nth, [&] {
                is_quiet = false;
                append(*log, {"later", std::string(8000, 'x')});
            });
            require(reader->copy_to("copy"));
            disk.before_read(0, {});
            if (is_quiet) break;
            EmbeddedLogOptions options = tiny();
            options.directory = "copy";
            const auto copy = EmbeddedLogReader::open(options, disk);
            REQUIRE_MESSAGE(copy, fault_of(copy));
            const auto unreadable = (*copy)->unreadable_end();
            REQUIRE(unreadable);
            REQUIRE(!*unreadable);
            copied = texts(**copy, kFirst);
            REQUIRE(copied.size() >= records);
            REQUIRE(std::equal(expected.begin(), expected.end(), copied.begin()));
            auto writer = open(disk, options);
            REQUIRE(writer->report().torn_bytes == 0);
            append(*writer, {"of the copy alone"});
            REQUIRE(texts(*writer, kFirst).size() == copied.size() + 1);
        }
        CHECK(copied == expected);
    }
}

TEST_CASE("embedded log: a reader takes a frame in the making for the end, until it is whole") {
    MemoryFiles disk;
    append(*open(disk), {"first", "second"});
    const Bytes whole = disk.contents(kSegment0);
    Bytes partial = whole;
    partial[8192 + 64 + 3] = std::byte{0};
    disk.overwrite(kSegment0, partial);
    auto reader = open_reader(disk);
    CHECK(texts(*reader, kFirst) == Texts{"first"});
    CHECK(reader->torn_bytes() > 0);
    disk.overwrite(kSegment0, whole);
    CHECK(texts(*reader, kFirst) == Texts{"first", "second"});
}

TEST_CASE("embedded log: what a reader shows is durable even if its writer has not synced it yet") {
    MemoryFiles disk;
    append(*open(disk), {"first"});
    const Bytes before = disk.contents(kSegment0);
    append(*open(disk), {"second"});
    const Bytes after = disk.contents(kSegment0);
    disk.overwrite(kSegment0, before);
    // As a writer between its pwritev and its fdatasync.
    const int fd = static_cast<int>(disk.open(kSegment0, O_RDWR, 0).value);
    iovec piece{const_cast<std::byte*>(after.data()), after.size()};
    REQUIRE(disk.pwritev(fd, &piece, 1, 0));
    SUBCASE("it syncs before it shows") {
        CHECK(texts(*open_reader(disk), kFirst) == Texts{"first", "second"});
        disk.power_off();
        disk.power_on(0);
        CHECK(texts(*open(disk), kFirst) == Texts{"first", "second"});
    }
    SUBCASE("and shows nothing when that fails") {
        disk.fail_always("fdatasync", EIO);
        CHECK(fault_of(EmbeddedLogReader::open(tiny(), disk)) ==
              "storage: fdatasync of log/00000000.segment failed: Input/output error (errno 5)");
    }
}

}  // namespace
}  // namespace vouch
