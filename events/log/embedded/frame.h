#pragma once

#include "events/log/log.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace vouch {

/// The byte formats of the embedded log; the grammar is at the top of frame.cc.

inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::size_t kFrameHeaderBytes = 64;
/// Frames start at multiples of this. Larger steps (512, 4096) were measured to gain nothing and
/// cost a page for each small commit.
inline constexpr std::size_t kFrameAlignment = 64;
/// A frame's bytes with header and padding, at most.
inline constexpr std::size_t kFrameBytesMax = kFrameHeaderBytes + kRecordBytesMax;

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

/// What stands before each record.
struct FrameHeader {
    std::uint64_t sequence;  ///< position among the frames of all shards: 0, 1, 2… without gaps
    std::uint64_t
        durable_below;  ///< frames below this sequence were durable when this one was written
    std::uint64_t record;
    std::uint64_t next_command;
    std::uint32_t shard;
    std::uint32_t length;       ///< bytes of the record
    std::uint32_t payload_crc;  ///< CRC-32C of the record
    std::uint32_t segment;      ///< where this header lies: ordinal of its segment …
    std::uint32_t offset;       ///< … and its byte in it

    friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

/// Bytes from a frame's first to the next frame's first.
constexpr std::uint64_t frame_extent(std::uint64_t record_bytes) {
    return (kFrameHeaderBytes + record_bytes + kFrameAlignment - 1) / kFrameAlignment *
           kFrameAlignment;
}

HeaderBytes encode_segment_header(const SegmentHeader& header);
/// Empty when magic, version or checksum is wrong.
std::optional<SegmentHeader> decode_segment_header(const HeaderBytes& bytes);

HeaderBytes encode_frame_header(const FrameHeader& header, std::uint64_t salt);
/// Empty when magic or checksum is wrong. Says nothing about whether the header belongs here.
std::optional<FrameHeader> decode_frame_header(const HeaderBytes& bytes, std::uint64_t salt);

}  // namespace vouch
