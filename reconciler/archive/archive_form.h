#pragma once

#include "events/log/log.h"
#include "events/seal/epoch_keys.h"
#include "reconciler/reading/view_position.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::reconciler {

/// The form of an archive: grammar at the top of archive_form.cc.
inline constexpr std::string_view kArchiveMagic = "vouch archive 1\n";

enum class FrameType : std::uint8_t { deployment = 'D', shard = 'S', record = 'R', trailer = 'T' };

struct ArchiveFrame {
    FrameType type = FrameType::record;
    std::uint32_t size = 0;
};
inline constexpr std::size_t kFrameHeaderSize = 5;
/// Of what a trailer says about the log's unreadable end.
inline constexpr std::size_t kUnreadableEndBytesMax = 64u << 10;
/// Larger frames are none: a record is under a megabyte, a trailer of 1,024 shards under 200 kB.
inline constexpr std::uint32_t kFrameSizeMax = 4u << 20;

std::array<std::byte, kFrameHeaderSize> write_frame_header(ArchiveFrame header);
/// Empty for an unknown type or a size above kFrameSizeMax.
std::optional<ArchiveFrame> read_frame_header(std::span<const std::byte, kFrameHeaderSize> bytes);

struct ShardFrame {
    ShardId shard;
    RecordNumber next_record;
};
Bytes write_shard_frame(const ShardFrame& frame);
std::optional<ShardFrame> read_shard_frame(ByteView bytes);

/// Where a shard ends, as an archive's trailer says.
struct ArchivedEnd {
    ShardId shard;
    RecordNumber next_record;
    Tag last_digest{};
    /// Where a witness had seen the shard stand when the log gave no more; empty when none had.
    std::optional<ViewPosition> seen{};
};

/// A trailer as read, with the bytes that its tag is of.
struct ArchiveTrailer {
    std::vector<ArchivedEnd> ends;  ///< one for each shard, in order
    std::string unreadable_end;     ///< what stood behind the log's end; empty when nothing did
    Bytes bytes;
    Tag tag{};
};

/// The bytes of an ArchiveTrailer, and of a SealedTrailer around them.
Bytes write_trailer(std::span<const ArchivedEnd> ends, std::string_view unreadable_end);
Bytes write_sealed_trailer(ByteView trailer, const Tag& tag);
/// Empty when the bytes are no SealedTrailer written as above.
std::optional<ArchiveTrailer> read_sealed_trailer(ByteView bytes);
/// The trailer's tag under the archive key.
Tag trailer_tag(const EpochKeys& keys, ByteView trailer_bytes);

}  // namespace vouch::reconciler
