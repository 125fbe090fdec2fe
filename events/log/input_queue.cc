#include "events/log/input_queue.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace vouch {

Result<Offset> InputQueue::push(Bytes batch) {
    Offset offset;
    {
        const std::lock_guard lock(mutex_);
        if (batches_.size() >= kInputBatchesMax) {
            return Fault{FaultCode::retriable, "input queue is full (" +
                                                   std::to_string(kInputBatchesMax) +
                                                   " batches): try again"};
        }
        offset = next_;
        next_ = next_.next();
        batches_.push_back({offset, std::move(batch)});
    }
    changed_.notify_one();
    return offset;
}

void InputQueue::take(Offset from, std::size_t batches_max, std::vector<InputBatch>& out) {
    const std::lock_guard lock(mutex_);
    while (!batches_.empty() && batches_.front().offset < from) batches_.pop_front();
    for (std::size_t taken = 0; taken < batches_max && !batches_.empty(); ++taken) {
        out.push_back(std::move(batches_.front()));
        batches_.pop_front();
    }
}

void InputQueue::announce_steps(Offset end) {
    {
        const std::lock_guard lock(mutex_);
        steps_end_ = end;
    }
    changed_.notify_one();
}

void InputQueue::wait(InputPosition from, std::optional<std::int64_t> timeout_us) {
    std::unique_lock lock(mutex_);
    const auto ready = [&] {
        return signalled_ || steps_end_ > from.step ||
               (!batches_.empty() && batches_.back().offset >= from.command);
    };
    if (!timeout_us) {
        changed_.wait(lock, ready);
    } else if (*timeout_us > 0) {
        // A year is as good as for ever, and keeps the deadline inside the clock's range.
        constexpr std::int64_t kYearUs = std::int64_t{366} * 24 * 3600 * 1'000'000;
        changed_.wait_for(lock, std::chrono::microseconds(std::min(*timeout_us, kYearUs)), ready);
    }
    signalled_ = false;
}

void InputQueue::signal() {
    {
        const std::lock_guard lock(mutex_);
        signalled_ = true;
    }
    changed_.notify_one();
}

void InputQueue::reset(Offset first) {
    const std::lock_guard lock(mutex_);
    batches_.clear();
    next_ = first;
}

}  // namespace vouch
