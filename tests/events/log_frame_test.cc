#include "events/log/embedded/crc32c.h"
#include "events/log/embedded/frame.h"
#include "tests/events/log_embedded_support.h"
#include "tests/support/memory_files.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <functional>

namespace vouch {
namespace {

using namespace test;

std::string hex(ByteView bytes) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i % 8 == 0) text += i % 32 == 0 ? "\n" : " ";
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(bytes[i]));
        text += digits;
    }
    return text;
}

TEST_CASE("crc32c: the published check value, and both ways of computing agree at every length") {
    CHECK(crc32c(0, bytes_of("123456789")) == 0xE3069283);
    CHECK(crc32c_portable(0, bytes_of("123456789")) == 0xE3069283);
    Bytes bytes(20'000);
    std::uint32_t state = 1;
    for (std::byte& byte : bytes)
        byte = static_cast<std::byte>((state = state * 1664525 + 1013904223) >> 24);
    for (std::size_t length = 0; length <= bytes.size(); length += length < 100 ? 1 : 997) {
        CAPTURE(length);
        const ByteView all = ByteView(bytes).first(length);
        REQUIRE(crc32c(0, all) == crc32c_portable(0, all));
        const std::size_t half = length / 3;
        REQUIRE(crc32c(crc32c(0, all.first(half)), all.subspan(half)) == crc32c(0, all));
    }
}

TEST_CASE("embedded log: the bytes of a segment with two frames are these") {
    MemoryFiles disk;
    {
        auto log = open(disk);
        REQUIRE(log->acquire(kSecond, kTerm));
        require(commit_text(*log, kSecond, kTerm, 0, "the first record", 7));
        TextCommit steps(1, "ab", 9);
        steps.consume(Offset(3)).send(kFirst, "one").send(kFirst, "second batch");
        require(commit_and_await(*log, kSecond, kTerm, steps));
    }
    const Bytes file = disk.contents(kSegment0);
    REQUIRE(file.size() == 16384);
    CHECK(hex(ByteView(file).first(64)) == R"(
56534733e3be7ee5 0000000002000000 0040000000000000 efcdab8967452301
0000000000000000 0000000000000000 0000000000000000 0000000000000000)");
    CHECK(hex(ByteView(file).subspan(4096, 192)) == R"(
564652334986d00f 0000000000000000 0000000000000000 0700000000000000
0000000000000000 0100000010000000 ac1d69ad00000000 0000000000000000
7468652066697273 74207265636f7264 0000000000000000 0000000000000000
0000000000000000 0000000000000000 0000000000000000 0000000000000000
ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff
ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff)");
    CHECK(hex(ByteView(file).subspan(8192, 192)) == R"(
56465233a907414a 0100000000000000 0100000000000000 0900000000000000
0300000000000000 0100000002000000 3629a2e20f000000 f374f1b902000000
0000000003000000 e9b2942a00000000 0c000000fcca14ea 61626f6e65736563
6f6e642062617463 6800000000000000 0000000000000000 0000000000000000
ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff
ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff)");
    const auto is_shown = [](std::size_t at) {
        return at < 64 || (at >= 4096 && at < 4288) || (at >= 8192 && at < 8384);
    };
    for (std::size_t at = 0; at < file.size(); ++at) {
        if (!is_shown(at)) REQUIRE(file[at] == std::byte{0});
    }
}

TEST_CASE("embedded log: a record that imitates a frame is none") {
    // After a tear in the frame that carries it, the search for later frames passes over the
    // imitation.
    FrameHeader header{};
    header.sequence = 5;
    header.durable_below = 5;
    header.offset = 4096 + 64;
    const HeaderBytes imitation = encode_frame_header(header, 0);
    MemoryFiles disk;
    append(*open(disk),
           {std::string(reinterpret_cast<const char*>(imitation.data()), 64) + "after"});
    Bytes bytes = disk.contents(kSegment0);
    std::fill_n(bytes.begin() + 4096, 64, std::byte{0});
    disk.overwrite(kSegment0, bytes);
    CHECK(texts(*open(disk), kFirst).empty());
}

TEST_CASE("embedded log: an intact frame that does not follow the one before is damage") {
    MemoryFiles origin;
    append(*open(origin), {"a", "b"});
    const Bytes whole = origin.contents(kSegment0);
    FrameHeader good{};
    good.sequence = 2;
    good.durable_below = 2;
    good.record = 2;
    good.offset = 3 * 4096;
    struct Row {
        std::function<void(FrameHeader&)> change;
        std::string expected;
    };
    const Row rows[] = {
        {[](FrameHeader&) {}, "no fault"},
        {[](FrameHeader& h) { h.sequence = 3; },
         "corrupt: log/00000000.segment at byte 12288: shard 0 record 2: frame out of sequence, "
         "expected 2 "
         "found 3"},
        {[](FrameHeader& h) { h.sequence = 1; },
         "corrupt: log/00000000.segment at byte 12288: shard 0 record 2: frame out of sequence, "
         "expected 2 "
         "found 1"},
        {[](FrameHeader& h) { h.record = 3; },
         "corrupt: log/00000000.segment at byte 12288: shard 0 record 3: record number, expected 2 "
         "found 3"},
        {[](FrameHeader& h) { h.record = 1; },
         "corrupt: log/00000000.segment at byte 12288: shard 0 record 1: record number, expected 2 "
         "found 1"},
        {[](FrameHeader& h) { h.shard = 2; },
         "corrupt: log/00000000.segment at byte 12288: shard 2 record 2: shard is beyond the "
         "deployment's last, "
         "expected 1 found 2"},
        {[](FrameHeader& h) { h.durable_below = 0; },
         "corrupt: log/00000000.segment at byte 12288: shard 0 record 2: durable-below out of "
         "order, expected 1 "
         "found 0"},
        {[](FrameHeader& h) { h.durable_below = h.sequence - 0xFFFF; },
         "corrupt: log/00000000.segment at byte 12288: shard 0 record 2: durable-below out of "
         "order, expected 1 "
         "found 18446744073709486083"},
        {[](FrameHeader& h) { h.steps_length = 5; },
         "corrupt: log/00000000.segment at byte 12288: shard 0 record 2: bytes of steps, expected "
         "5 found 0"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.expected);
        FrameHeader forged = good;
        row.change(forged);
        const HeaderBytes header = encode_frame_header(forged, origin.random());
        Bytes bytes = whole;
        std::copy(header.begin(), header.end(), bytes.begin() + good.offset);
        MemoryFiles disk;
        disk.overwrite(kSegment0, bytes);
        CHECK(fault_of(EmbeddedLogReader::open(tiny(), disk)) == row.expected);
        CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) == row.expected);
    }
}

}  // namespace
}  // namespace vouch
