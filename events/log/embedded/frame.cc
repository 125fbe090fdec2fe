// The embedded log's bytes. Integers are little-endian; widths in bytes.
//
//   log            = segment 0, segment 1, …          files 00000000.segment, 00000001.segment, …
//   segment        = segment-header zero* group* zero* as long as its header says, from its making
//                                                     on; its first group begins at byte 4096
//   segment-header = magic:4 "VSG3"   crc:4           CRC-32C of the 56 bytes that follow
//                    ordinal:4   shard-count:4   size:8   salt:8   zero:32
//   group          = frame* closing-line? zero*       what is written and synced together; begins
//                                                     and ends at multiples of 4096, or ends with
//                                                     its segment
//   closing-line   = ff:64                            where the last frame's end leaves room
//   frame          = frame-header step-entry* record:length batch*
//                    zero*                            padded to a multiple of 64
//   frame-header   = magic:4 "VFR3"   crc:4           CRC-32C of salt:8 segment:4 offset:4, where
//                                                     this header lies, and the 56 bytes that
//                                                     follow
//                    sequence:8   record-number:8   next-command:8   next-step:8
//                    shard:4   length:4   record-crc:4   steps-length:4   table-crc:4
//                    steps:2                          number of step entries and of batches
//                    group:2                          frames before this one that were written with
//                                                     it
//   step-entry     = to:4   length:4   crc:4          of the batch of the same place in the order
//
// A frame is one commit. Its header's checksum covers those of the record and of the table of step
// entries, which covers those of the batches: all of it is there or the frame is none.
//
// Frames of all shards follow one another. A frame that does not fit into the rest of its segment
// starts the next one. Frames of one group count from the first of them, so each says up to where
// the log was durable when it was written: durable-below is sequence - group. A bad frame n is
// damage if a good frame has durable-below > n; what else is known of it, log_end.h says.

#include "events/log/embedded/frame.h"

#include "events/log/embedded/crc32c.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace vouch {
namespace {

constexpr std::uint32_t kSegmentMagic = 0x33475356;  // "VSG3"
constexpr std::uint32_t kFrameMagic = 0x33524656;    // "VFR3"
constexpr std::size_t kCheckedFrom = 8;
constexpr std::byte kClosingByte{0xFF};

class FrameWriter {
public:
    explicit FrameWriter(std::span<std::byte> bytes) : bytes_(bytes) {}

    template <class Integer>
    FrameWriter& put(Integer value) {
        for (std::size_t i = 0; i < sizeof value; ++i) {
            bytes_[at_++] = static_cast<std::byte>(value >> (8 * i) & 0xFF);
        }
        return *this;
    }

private:
    std::span<std::byte> bytes_;
    std::size_t at_ = 0;
};

class FrameReader {
public:
    explicit FrameReader(ByteView bytes) : bytes_(bytes) {}

    template <class Integer>
    Integer get() {
        Integer value = 0;
        for (std::size_t i = 0; i < sizeof value; ++i) {
            value |= static_cast<Integer>(static_cast<Integer>(bytes_[at_++]) << (8 * i));
        }
        return value;
    }

private:
    ByteView bytes_;
    std::size_t at_ = 0;
};

std::uint32_t checksum(const HeaderBytes& bytes, std::uint32_t start) {
    return crc32c(start, std::span(bytes).subspan(kCheckedFrom));
}

std::uint32_t checksum_start(std::uint64_t salt, std::uint32_t segment, std::uint32_t offset) {
    std::array<std::byte, 16> bytes{};
    FrameWriter(bytes).put(salt).put(segment).put(offset);
    return crc32c(0, bytes);
}

void set_checksum(HeaderBytes& bytes, std::uint32_t start) {
    FrameWriter(std::span(bytes).subspan(4)).put(checksum(bytes, start));
}

}  // namespace

HeaderBytes closing_line() {
    HeaderBytes line;
    line.fill(kClosingByte);
    return line;
}

bool is_closing_line(ByteView line) {
    const auto ones = std::count(line.begin(), line.end(), kClosingByte);
    return static_cast<std::size_t>(ones) > line.size() / 2;
}

bool all_zero(ByteView bytes) {
    if (bytes.empty()) return true;
    return bytes.front() == std::byte{0} &&
           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

bool is_earlier_segment(const HeaderBytes& bytes) {
    const auto magic = FrameReader(bytes).get<std::uint32_t>();
    constexpr std::uint32_t kFamily = 0x00FFFFFF;  // "VSG", then the version
    if ((magic & kFamily) != (kSegmentMagic & kFamily) || magic >= kSegmentMagic) return false;
    // What is a header of this version but for the version has a bit that is another one.
    HeaderBytes present = bytes;
    FrameWriter(present).put(kSegmentMagic);
    return !decode_segment_header(present);
}

HeaderBytes encode_segment_header(const SegmentHeader& header) {
    HeaderBytes bytes{};
    FrameWriter(bytes)
        .put(kSegmentMagic)
        .put(std::uint32_t{0})
        .put(header.ordinal)
        .put(header.shard_count)
        .put(header.size)
        .put(header.salt);
    set_checksum(bytes, 0);
    return bytes;
}

std::optional<SegmentHeader> decode_segment_header(const HeaderBytes& bytes) {
    FrameReader reader(bytes);
    if (reader.get<std::uint32_t>() != kSegmentMagic) return std::nullopt;
    if (reader.get<std::uint32_t>() != checksum(bytes, 0)) return std::nullopt;
    SegmentHeader header{};
    header.ordinal = reader.get<std::uint32_t>();
    header.shard_count = reader.get<std::uint32_t>();
    header.size = reader.get<std::uint64_t>();
    header.salt = reader.get<std::uint64_t>();
    return header;
}

HeaderBytes encode_frame_header(const FrameHeader& header, std::uint64_t salt) {
    HeaderBytes bytes{};
    FrameWriter(bytes)
        .put(kFrameMagic)
        .put(std::uint32_t{0})
        .put(header.sequence)
        .put(header.record)
        .put(header.next_command)
        .put(header.next_step)
        .put(header.shard)
        .put(header.length)
        .put(header.record_crc)
        .put(header.steps_length)
        .put(header.table_crc)
        .put(header.steps)
        .put(static_cast<std::uint16_t>(header.sequence - header.durable_below));
    set_checksum(bytes, checksum_start(salt, header.segment, header.offset));
    return bytes;
}

std::optional<FrameHeader> decode_frame_header(const HeaderBytes& bytes, std::uint64_t salt,
                                               std::uint32_t segment, std::uint32_t offset) {
    FrameReader reader(bytes);
    if (reader.get<std::uint32_t>() != kFrameMagic) return std::nullopt;
    if (reader.get<std::uint32_t>() != checksum(bytes, checksum_start(salt, segment, offset))) {
        return std::nullopt;
    }
    FrameHeader header{};
    header.sequence = reader.get<std::uint64_t>();
    header.record = reader.get<std::uint64_t>();
    header.next_command = reader.get<std::uint64_t>();
    header.next_step = reader.get<std::uint64_t>();
    header.shard = reader.get<std::uint32_t>();
    header.length = reader.get<std::uint32_t>();
    header.record_crc = reader.get<std::uint32_t>();
    header.steps_length = reader.get<std::uint32_t>();
    header.table_crc = reader.get<std::uint32_t>();
    header.steps = reader.get<std::uint16_t>();
    header.durable_below = header.sequence - reader.get<std::uint16_t>();
    header.segment = segment;
    header.offset = offset;
    return header;
}

Bytes encode_step_table(std::span<const StepEntry> entries) {
    Bytes bytes(entries.size() * kStepEntryBytes);
    FrameWriter writer(bytes);
    for (const StepEntry& entry : entries) writer.put(entry.to).put(entry.length).put(entry.crc);
    return bytes;
}

std::vector<StepEntry> decode_step_table(ByteView bytes) {
    VOUCH_ASSERT(bytes.size() % kStepEntryBytes == 0);
    std::vector<StepEntry> entries(bytes.size() / kStepEntryBytes);
    FrameReader reader(bytes);
    for (StepEntry& entry : entries) {
        entry.to = reader.get<std::uint32_t>();
        entry.length = reader.get<std::uint32_t>();
        entry.crc = reader.get<std::uint32_t>();
    }
    return entries;
}

}  // namespace vouch
