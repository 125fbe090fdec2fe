#include "command-handler/shard/step_outbox.h"

#include "events/entries/codec.h"
#include "events/seal/step_batch.h"

#include <algorithm>

namespace vouch::command_handler {

void StepOutbox::clear() {
    for (const ShardId to : receivers_) {
        outgoing_[to.value()].steps.clear();
        outgoing_[to.value()].batches.clear();
    }
    receivers_.clear();
    batch_count_ = 0;
}

void StepOutbox::add(ShardId to, const Step& step) {
    if (to.value() >= outgoing_.size()) outgoing_.resize(to.value() + 1);
    Outgoing& outgoing = outgoing_[to.value()];
    const std::size_t begin = outgoing.steps.size();
    append_to_steps(step, outgoing.steps);
    const std::size_t end = outgoing.steps.size();
    if (outgoing.batches.empty()) receivers_.push_back(to);
    if (outgoing.batches.empty() || outgoing.batches.back().count == kStepBatchStepsMax ||
        end - outgoing.batches.back().begin > kStepListBytesMax) {
        outgoing.batches.push_back({begin, end, 1});
        ++batch_count_;
        return;
    }
    outgoing.batches.back().end = end;
    ++outgoing.batches.back().count;
}

void StepOutbox::sort_receivers() { std::sort(receivers_.begin(), receivers_.end()); }

}  // namespace vouch::command_handler
