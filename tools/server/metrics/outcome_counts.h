#pragma once

#include "command-handler/shard/answer.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/money/outcome.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vouch::metrics {

/// How many commands of each shard got which outcome. A shard's are added by its own thread alone,
/// so that adding is no more than that; any thread may read.
class OutcomeCounts {
public:
    explicit OutcomeCounts(std::uint32_t shards) : shards_(shards) {}

    void add(ShardId shard, std::span<const command_handler::Answer> answers) {
        Shard& of = shards_[shard.value()];
        for (const command_handler::Answer& each : answers) {
            if (each.in_transit) continue;  // its outcome comes
            Count& count = each.repeated ? of.repeats
                                         : of.outcomes[static_cast<std::size_t>(each.outcome)];
            count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        }
    }

    /// Of commands that had none before.
    std::uint64_t first(ShardId shard, Outcome outcome) const {
        return shards_[shard.value()].outcomes[static_cast<std::size_t>(outcome)].load(
            std::memory_order_relaxed);
    }
    std::uint64_t repeats(ShardId shard) const {
        return shards_[shard.value()].repeats.load(std::memory_order_relaxed);
    }

private:
    using Count = std::atomic<std::uint64_t>;
    /// Apart from the next shard's, which another core writes.
    struct alignas(64) Shard {
        std::array<Count, 256> outcomes{};  ///< by number
        Count repeats{0};
    };
    std::vector<Shard> shards_;
};

}  // namespace vouch::metrics
