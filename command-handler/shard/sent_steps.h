#pragma once

#include "events/money/ids.h"
#include "events/money/number.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace vouch::command_handler {

/// How many batches of steps the shards of one process have sent to each other, durably: so that a
/// shard notices what does not come, though nothing comes behind it. Any thread.
class SentSteps {
public:
    explicit SentSteps(std::uint32_t shards)
        : shards_(shards), next_(std::size_t{shards} * shards) {}

    void note(ShardId from, ShardId to, StepBatchNumber next) {
        next_[at(from, to)].store(next.value(), std::memory_order_release);
    }
    StepBatchNumber next(ShardId from, ShardId to) const {
        return StepBatchNumber(next_[at(from, to)].load(std::memory_order_acquire));
    }

private:
    std::size_t at(ShardId from, ShardId to) const {
        return std::size_t{from.value()} * shards_ + to.value();
    }

    const std::uint32_t shards_;
    std::vector<std::atomic<std::uint64_t>> next_;
};

}  // namespace vouch::command_handler
