#pragma once

#include "events/entries/step.h"
#include "events/log/log.h"
#include "events/money/ids.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vouch::command_handler {

/// The steps that one record sends, by receiving shard and cut into batches: a batch takes steps
/// until the next one would bring it above kStepListBytesMax bytes or kStepBatchStepsMax steps.
/// Kept and reused for its memory. One thread.
class StepOutbox {
public:
    void clear();
    void add(ShardId to, const Step& step);

    bool is_empty() const { return receivers_.empty(); }
    /// Batches that the steps make so far.
    std::size_t batch_count() const { return batch_count_; }

    /// Calls `with(to, count, steps)` for each batch, by receiving shard and in order.
    template <class With>
    void for_each_batch(With with) {
        sort_receivers();
        for (const ShardId to : receivers_) {
            const Outgoing& outgoing = outgoing_[to.value()];
            for (const Batch& batch : outgoing.batches) {
                with(to, batch.count,
                     ByteView(outgoing.steps).subspan(batch.begin, batch.end - batch.begin));
            }
        }
    }

private:
    struct Batch {
        std::size_t begin = 0;
        std::size_t end = 0;
        std::uint32_t count = 0;
    };
    struct Outgoing {
        Bytes steps;
        std::vector<Batch> batches;
    };
    void sort_receivers();

    std::vector<Outgoing> outgoing_;  // by shard
    std::vector<ShardId> receivers_;  // of those that something goes to
    std::size_t batch_count_ = 0;
};

}  // namespace vouch::command_handler
