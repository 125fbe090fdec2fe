// The embedded log's bytes. Integers are little-endian; widths in bytes.
//
//   log            = segment 0, segment 1, …          files 00000000.segment, 00000001.segment, …
//   segment        = segment-header frame* zero*      as long as its header says, from its making
//   on segment-header = magic:4 "VSG1"   crc:4           CRC-32C of the 56 bytes that follow
//                    ordinal:4   shard-count:4   size:8   salt:8   zero:32
//   frame          = frame-header record:length zero*          padded to a multiple of 64
//   frame-header   = magic:4 "VFR1"   crc:4           CRC-32C of salt:8 and the 56 bytes that
//   follow
//                    sequence:8   durable-below:8   record-number:8   next-command:8
//                    shard:4   length:4   payload-crc:4   segment:4   offset:4   zero:4
//
// Frames of all shards follow one another. A frame that does not fit into the rest of its segment
// starts the next one. Frames synced together lie in one segment and have the same durable-below:
// the sequence of the first of them. So a bad frame n is a torn write if no good frame says
// durable-below > n, and damage if one does.

#include "events/log/embedded/frame.h"

#include "events/log/embedded/crc32c.h"

#include <cstring>
#include <span>

namespace vouch {
namespace {

constexpr std::uint32_t kSegmentMagic = 0x31475356;  // "VSG1"
constexpr std::uint32_t kFrameMagic = 0x31524656;    // "VFR1"
constexpr std::size_t kCheckedFrom = 8;

class Writer {
public:
    explicit Writer(HeaderBytes& bytes) : bytes_(bytes) {}

    template <class Integer>
    Writer& put(Integer value) {
        for (std::size_t i = 0; i < sizeof value; ++i) {
            bytes_[at_++] = static_cast<std::byte>(value >> (8 * i) & 0xFF);
        }
        return *this;
    }

private:
    HeaderBytes& bytes_;
    std::size_t at_ = 0;
};

class Reader {
public:
    explicit Reader(const HeaderBytes& bytes) : bytes_(bytes) {}

    template <class Integer>
    Integer get() {
        Integer value = 0;
        for (std::size_t i = 0; i < sizeof value; ++i) {
            value |= static_cast<Integer>(static_cast<Integer>(bytes_[at_++]) << (8 * i));
        }
        return value;
    }

private:
    const HeaderBytes& bytes_;
    std::size_t at_ = 0;
};

std::uint32_t checksum(const HeaderBytes& bytes, std::uint32_t start) {
    return crc32c(start, std::span(bytes).subspan(kCheckedFrom));
}

std::uint32_t checksum_start(std::uint64_t salt) {
    std::array<std::byte, 8> bytes{};
    for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(salt >> (8 * i) & 0xFF);
    return crc32c(0, bytes);
}

void set_checksum(HeaderBytes& bytes, std::uint32_t start) {
    const std::uint32_t crc = checksum(bytes, start);
    for (std::size_t i = 0; i < 4; ++i)
        bytes[4 + i] = static_cast<std::byte>(crc >> (8 * i) & 0xFF);
}

}  // namespace

HeaderBytes encode_segment_header(const SegmentHeader& header) {
    HeaderBytes bytes{};
    Writer(bytes)
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
    Reader reader(bytes);
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
    Writer(bytes)
        .put(kFrameMagic)
        .put(std::uint32_t{0})
        .put(header.sequence)
        .put(header.durable_below)
        .put(header.record)
        .put(header.next_command)
        .put(header.shard)
        .put(header.length)
        .put(header.payload_crc)
        .put(header.segment)
        .put(header.offset);
    set_checksum(bytes, checksum_start(salt));
    return bytes;
}

std::optional<FrameHeader> decode_frame_header(const HeaderBytes& bytes, std::uint64_t salt) {
    Reader reader(bytes);
    if (reader.get<std::uint32_t>() != kFrameMagic) return std::nullopt;
    if (reader.get<std::uint32_t>() != checksum(bytes, checksum_start(salt))) return std::nullopt;
    FrameHeader header{};
    header.sequence = reader.get<std::uint64_t>();
    header.durable_below = reader.get<std::uint64_t>();
    header.record = reader.get<std::uint64_t>();
    header.next_command = reader.get<std::uint64_t>();
    header.shard = reader.get<std::uint32_t>();
    header.length = reader.get<std::uint32_t>();
    header.payload_crc = reader.get<std::uint32_t>();
    header.segment = reader.get<std::uint32_t>();
    header.offset = reader.get<std::uint32_t>();
    return header;
}

}  // namespace vouch
