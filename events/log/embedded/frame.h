#pragma once

#include "events/bytes/bytes.h"
#include "events/log/log.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vouch {

/// The byte formats of the embedded log; the grammar is at the top of frame.cc.

inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::size_t kFrameHeaderBytes = 64;
/// Frames of one group start at multiples of this.
inline constexpr std::size_t kFrameAlignment = 64;
/// Groups begin at multiples of this, the first behind the block of the segment's header: a write
/// touches no block that holds what is durable, so what a crash leaves of one is sectors of it
/// among zeros, and nothing else is ever a torn write (log_end.h).
inline constexpr std::uint64_t kGroupAlignment = 4096;
/// Bytes of one entry of a frame's table of steps.
inline constexpr std::size_t kStepEntryBytes = 12;
/// Frames that are written and synced together, at most: a frame's header has two bytes for its
/// place among them.
inline constexpr std::size_t kGroupFramesMax = 0xFFFF;

using HeaderBytes = std::array<std::byte, 64>;
static_assert(sizeof(HeaderBytes) == kFrameHeaderBytes &&
              sizeof(HeaderBytes) == kSegmentHeaderBytes);

/// What a segment file says of itself.
struct SegmentHeader {
    std::uint32_t ordinal;      ///< 0, 1, 2… without gaps
    std::uint32_t shard_count;  ///< of the deployment
    std::uint64_t size;         ///< bytes of the file, header included
    std::uint64_t
        salt;  ///< enters each frame's header checksum, so that no record can imitate a frame

    friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

/// What stands before each record. All but `segment`, `offset` and `durable_below` is stored as it
/// is; those follow from where a header lies and from its group.
struct FrameHeader {
    std::uint64_t sequence;  ///< position among the frames of all shards: 0, 1, 2… without gaps
    std::uint64_t
        durable_below;  ///< frames below this sequence were durable when this one was written
    std::uint64_t record;
    std::uint64_t next_command;
    std::uint64_t next_step;
    std::uint32_t shard;
    std::uint32_t length;        ///< bytes of the record
    std::uint32_t record_crc;    ///< CRC-32C of the record
    std::uint32_t steps_length;  ///< bytes of all batches of steps
    std::uint32_t table_crc;     ///< CRC-32C of the table of steps; 0 without steps
    std::uint16_t steps;         ///< batches of steps
    std::uint32_t segment;       ///< where this header lies: ordinal of its segment …
    std::uint32_t offset;        ///< … and its byte in it

    friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

/// One batch of steps in a frame: the receiving shard, and how to read and check the batch.
struct StepEntry {
    std::uint32_t to;
    std::uint32_t length;
    std::uint32_t crc;  ///< CRC-32C of the batch

    friend bool operator==(const StepEntry&, const StepEntry&) = default;
};
static_assert(kCommitStepsMax <= 0xFFFF);

/// Bytes before a frame's record: header and table of steps.
constexpr std::uint64_t frame_prefix(const FrameHeader& frame) {
    return kFrameHeaderBytes + frame.steps * kStepEntryBytes;
}

/// Bytes of a frame without its padding.
constexpr std::uint64_t frame_bytes(const FrameHeader& frame) {
    return frame_prefix(frame) + frame.length + frame.steps_length;
}

/// Bytes from a frame's first to the next frame's first.
constexpr std::uint64_t frame_extent(const FrameHeader& frame) {
    return (frame_bytes(frame) + kFrameAlignment - 1) / kFrameAlignment * kFrameAlignment;
}

/// Where a group begins that follows a frame's end.
constexpr std::uint64_t group_begin(std::uint64_t end) {
    return (end + kGroupAlignment - 1) / kGroupAlignment * kGroupAlignment;
}

/// The line that closes a group: all ones, behind its last frame where the block has room.
HeaderBytes closing_line();
/// Tolerates what rot does to a line that proves nothing by itself; no header looks so.
bool is_closing_line(ByteView line);
/// What was never written, or has been lost. Many bytes at a time: a start looks at a segment's
/// whole unwritten end.
bool all_zero(ByteView bytes);

HeaderBytes encode_segment_header(const SegmentHeader& header);
/// True for a segment of an earlier version of vouch, whose frames this one does not read.
bool is_earlier_segment(const HeaderBytes& bytes);
/// Empty when magic, version or checksum is wrong.
std::optional<SegmentHeader> decode_segment_header(const HeaderBytes& bytes);

HeaderBytes encode_frame_header(const FrameHeader& header, std::uint64_t salt);
/// Empty when magic or checksum is wrong, which it is too for a header of another place.
std::optional<FrameHeader> decode_frame_header(const HeaderBytes& bytes, std::uint64_t salt,
                                               std::uint32_t segment, std::uint32_t offset);

Bytes encode_step_table(std::span<const StepEntry> entries);
/// Of whole entries; whether they are intact is the caller's to check.
std::vector<StepEntry> decode_step_table(ByteView bytes);

}  // namespace vouch
