#include "events/log/embedded/waiting_steps.h"

#include <algorithm>

namespace vouch {

void WaitingSteps::append(const FrameHeader& frame, std::span<const StepEntry> steps) {
    {
        Shard& shard = shards_[frame.shard];
        const std::lock_guard lock(shard.mutex);
        while (!shard.places.empty() && shard.first < frame.next_step) {
            shard.places.pop_front();
            ++shard.first;
        }
        // No other than it is, but in a log that was made of records alone (log_fill.h).
        if (shard.places.empty()) shard.first = frame.next_step;
    }
    std::uint64_t at = frame.offset + frame_prefix(frame) + frame.length;
    for (const StepEntry& batch : steps) {
        Shard& shard = shards_[batch.to];
        const std::lock_guard lock(shard.mutex);
        shard.places.push_back(
            {frame.segment, static_cast<std::uint32_t>(at), batch.length});
        at += batch.length;
    }
}

Offset WaitingSteps::end(ShardId shard) {
    VOUCH_ASSERT(shard.value() < shards_.size());
    Shard& state = shards_[shard.value()];
    const std::lock_guard lock(state.mutex);
    return Offset(state.first + state.places.size());
}

Status WaitingSteps::read(ShardId shard, Offset from, std::size_t batches_max,
                          std::vector<StepInput>& out) {
    VOUCH_ASSERT(shard.value() < shards_.size());
    std::vector<Place> places;
    std::uint64_t offset = 0;
    {
        Shard& state = shards_[shard.value()];
        const std::lock_guard lock(state.mutex);
        offset = std::max(from.value(), state.first);
        const std::uint64_t end = state.first + state.places.size();
        for (std::uint64_t i = offset; i < end && places.size() < batches_max; ++i) {
            places.push_back(state.places[i - state.first]);
        }
    }
    for (const Place& place : places) {
        Result<Bytes> bytes = bytes_of(shard, offset, place);
        if (!bytes) return bytes.error();
        out.push_back({Offset(offset++), std::move(*bytes)});
    }
    return {};
}

Result<Bytes> WaitingSteps::bytes_of(ShardId shard, std::uint64_t offset, const Place& place) {
    const Result<std::shared_ptr<const Segment>> segment = segments_.get(place.segment);
    if (!segment) return segment.error();
    if (*segment == nullptr) {
        return Fault{FaultCode::corrupt, "shard " + std::to_string(shard.value()) + " steps " +
                                             std::to_string(offset) + ": " +
                                             segments_.path(place.segment) + " is missing"};
    }
    Bytes bytes(place.length);
    if (const Status read = (*segment)->file.read(bytes, place.offset); !read) return read.error();
    return bytes;
}

}  // namespace vouch
