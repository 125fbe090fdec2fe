#include "command-handler/shard/step_outbox.h"

#include "events/entries/codec.h"
#include "events/seal/step_batch.h"

#include <algorithm>

namespace vouch::command_handler {

void StepOutbox::clear() {
    for (const ShardId to : receivers_) {
        boxes_[to.value()].steps.clear();
        boxes_[to.value()].batches.clear();
    }
    receivers_.clear();
    batch_count_ = 0;
}

void StepOutbox::add(ShardId to, const Step& step) {
    if (to.value() >= boxes_.size()) boxes_.resize(to.value() + 1);
    Box& box = boxes_[to.value()];
    const std::size_t begin = box.steps.size();
    append_to_steps(step, box.steps);
    const std::size_t end = box.steps.size();
    if (box.batches.empty()) receivers_.push_back(to);
    if (box.batches.empty() || box.batches.back().count == kStepBatchStepsMax ||
        end - box.batches.back().begin > kStepListBytesMax) {
        box.batches.push_back({begin, end, 1});
        ++batch_count_;
        return;
    }
    box.batches.back().end = end;
    ++box.batches.back().count;
}

void StepOutbox::sort_receivers() { std::sort(receivers_.begin(), receivers_.end()); }

}  // namespace vouch::command_handler
