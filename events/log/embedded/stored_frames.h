#pragma once

#include "events/log/embedded/segment.h"
#include "events/world/mutex.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace vouch {

/// Of a frame that stands for one that cannot be read: no bytes, under a checksum that none have.
inline constexpr std::uint32_t kLostCrc = 1;
constexpr bool is_lost(std::uint32_t length, std::uint32_t crc) {
    return length == 0 && crc == kLostCrc;
}

/// Where each durable record of each shard lies, 20 bytes a record, and how to read it.
/// Any thread; append in the order of record numbers. Borrows the segments.
class StoredFrames {
public:
    StoredFrames(SegmentTable& segments, std::uint32_t shard_count)
        : segments_(segments), shards_(shard_count) {}

    std::uint32_t shard_count() const { return static_cast<std::uint32_t>(shards_.size()); }

    /// The frame is durable: readers may see it from now on.
    void append(const FrameHeader& frame);

    RecordNumber end(ShardId shard);

    /// As LogReader says.
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out);
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out);
    std::string place_of(ShardId shard, RecordNumber record);
    std::optional<DamageBeside> damage_beside(ShardId shard, RecordNumber record);

private:
    struct Place {
        std::uint32_t segment;
        std::uint32_t offset;  ///< of the record's first byte, behind its frame's header
        std::uint32_t length;
        std::uint32_t crc;
        std::uint16_t steps;  ///< batches of them, behind the record; their table is before it
    };
    struct Shard {
        Mutex mutex;
        std::deque<Place> places;  ///< by record number
    };

    std::optional<Place> find(ShardId shard, RecordNumber record);
    Status read_run(ShardId shard, RecordNumber first, std::span<const Place> places,
                    std::vector<StoredRecord>& out);
    Status check(ShardId shard, RecordNumber record, const Place& place, ByteView bytes) const;
    std::string path_at(const Place& place, std::uint64_t byte) const;
    Result<std::shared_ptr<const Segment>> segment_of(const Place& place);

    SegmentTable& segments_;
    std::vector<Shard> shards_;
};

}  // namespace vouch
