#include "events/log/embedded/crc32c.h"
#include "events/log/embedded/frame.h"
#include "tests/events/log_embedded_support.h"
#include "tests/events/log_memory_disk.h"

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
    MemoryDisk disk;
    {
        auto log = open(disk);
        REQUIRE(log->acquire(kSecond, kTerm));
        require(commit_text(*log, kSecond, kTerm, 0, "the first record", 7));
        require(commit_text(*log, kSecond, kTerm, 1, "ab", 9));
    }
    const Bytes file = disk.contents(kSegment0);
    REQUIRE(file.size() == 4096);
    CHECK(hex(ByteView(file).first(320)) == R"(
56534731e433bd90 0000000002000000 0010000000000000 efcdab8967452301
0000000000000000 0000000000000000 0000000000000000 0000000000000000
564652310bb7c353 0000000000000000 0000000000000000 0000000000000000
0700000000000000 0100000010000000 ac1d69ad00000000 4000000000000000
7468652066697273 74207265636f7264 0000000000000000 0000000000000000
0000000000000000 0000000000000000 0000000000000000 0000000000000000
56465231c90b9f2d 0100000000000000 0100000000000000 0100000000000000
0900000000000000 0100000002000000 3629a2e200000000 c000000000000000
6162000000000000 0000000000000000 0000000000000000 0000000000000000
0000000000000000 0000000000000000 0000000000000000 0000000000000000)");
    for (const std::byte b : ByteView(file).subspan(320)) REQUIRE(b == std::byte{0});
}

TEST_CASE("embedded log: a record that imitates a frame is none") {
    // After a tear in the frame that carries it, the search for later frames passes over the
    // imitation.
    FrameHeader header{};
    header.sequence = 5;
    header.durable_below = 5;
    header.offset = 64 + 64;
    const HeaderBytes imitation = encode_frame_header(header, 0);
    MemoryDisk disk;
    append(*open(disk),
           {std::string(reinterpret_cast<const char*>(imitation.data()), 64) + "after"});
    Bytes bytes = disk.contents(kSegment0);
    bytes[64] ^= std::byte{1};
    disk.overwrite(kSegment0, bytes);
    CHECK(texts(*open(disk), kFirst).empty());
}

TEST_CASE("embedded log: an intact frame that does not follow the one before is damage") {
    MemoryDisk origin;
    append(*open(origin), {"a", "b"});
    const Bytes whole = origin.contents(kSegment0);
    FrameHeader good{};
    good.sequence = 2;
    good.durable_below = 2;
    good.record = 2;
    good.offset = 64 + 2 * 128;
    struct Row {
        std::function<void(FrameHeader&)> change;
        std::string expected;
    };
    const Row rows[] = {
        {[](FrameHeader&) {}, "no fault"},
        {[](FrameHeader& h) { h.sequence = 3; },
         "corrupt: segment 0 at byte 320: shard 0 record 2: frame out of sequence, expected 2 "
         "found 3"},
        {[](FrameHeader& h) { h.sequence = 1; },
         "corrupt: segment 0 at byte 320: shard 0 record 2: frame out of sequence, expected 2 "
         "found 1"},
        {[](FrameHeader& h) { h.record = 3; },
         "corrupt: segment 0 at byte 320: shard 0 record 3: record number, expected 2 found 3"},
        {[](FrameHeader& h) { h.record = 1; },
         "corrupt: segment 0 at byte 320: shard 0 record 1: record number, expected 2 found 1"},
        {[](FrameHeader& h) { h.shard = 2; },
         "corrupt: segment 0 at byte 320: shard 2 record 2: shard is beyond the deployment's last, "
         "expected 1 found 2"},
        {[](FrameHeader& h) { h.durable_below = 3; },
         "corrupt: segment 0 at byte 320: shard 0 record 2: durable-below out of order, expected 1 "
         "found 3"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.expected);
        FrameHeader forged = good;
        row.change(forged);
        const HeaderBytes header = encode_frame_header(forged, origin.random());
        Bytes bytes = whole;
        std::copy(header.begin(), header.end(), bytes.begin() + good.offset);
        MemoryDisk disk;
        disk.overwrite(kSegment0, bytes);
        CHECK(fault_of(EmbeddedLogReader::open(tiny(), disk)) == row.expected);
        CHECK(fault_of(EmbeddedLog::open(tiny(), disk)) == row.expected);
    }
}

}  // namespace
}  // namespace vouch
