#pragma once

#include "events/log/embedded/segment.h"
#include "events/world/mutex.h"

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace vouch {

/// Where each batch of steps lies that its receiver may still ask for, 12 bytes a batch; the bytes
/// stay in the segments. Offset n is a shard's n-th batch in the order of the log, so it is the
/// same whenever the log is walked. In a log that was made of records alone (log_fill.h) offsets
/// go on from what those have consumed. Any thread; append in the order of the log. Borrows the
/// segments.
class WaitingSteps {
public:
    WaitingSteps(SegmentTable& segments, std::uint32_t shard_count)
        : segments_(segments), shards_(shard_count) {}

    /// The frame is durable: its steps wait for their shards from now on, and what its own shard
    /// has consumed is forgotten.
    void append(const FrameHeader& frame, std::span<const StepEntry> steps);

    /// The offset that the next batch for the shard gets.
    Offset end(ShardId shard);

    /// As Log::read_steps. Bytes that have changed since are handed out as they are: who takes
    /// steps verifies each batch, and builds again what is not what was sent.
    Status read(ShardId shard, Offset from, std::size_t batches_max, std::vector<StepInput>& out);

private:
    struct Place {
        std::uint32_t segment;
        std::uint32_t offset;
        std::uint32_t length;
    };
    struct Shard {
        Mutex mutex;
        std::uint64_t first = 0;   ///< offset of the first place
        std::deque<Place> places;  ///< by offset
    };

    Result<Bytes> bytes_of(ShardId shard, std::uint64_t offset, const Place& place);

    SegmentTable& segments_;
    std::vector<Shard> shards_;
};

}  // namespace vouch
