#include "command-handler/shard/mark_schedule.h"

#include <algorithm>

namespace vouch::command_handler {

void MarkSchedule::committed(std::int64_t now_us, bool is_mark) {
    is_after_mark_ = is_mark;
    is_asked_ = false;
    if (is_mark) last_mark_us_ = now_us;
    last_work_us_ = now_us;
    unrecorded_ = 0;
}

void MarkSchedule::worked_off(std::uint64_t inputs, std::int64_t now_us) {
    if (inputs == unrecorded_) return;
    if (unrecorded_ == 0) unrecorded_since_us_ = now_us;
    unrecorded_ = inputs;
    last_work_us_ = now_us;
}

std::optional<std::int64_t> MarkSchedule::due_us(bool is_idle) const {
    std::optional<std::int64_t> due;
    const auto sooner = [&](std::int64_t at) { due = std::min(due.value_or(at), at); };
    if (is_asked_) sooner(last_mark_us_ ? *last_mark_us_ + kAskedEvery_us : last_work_us_);
    if (unrecorded_ >= kUnrecordedInputsMax) sooner(last_work_us_);
    if (unrecorded_ > 0) sooner(unrecorded_since_us_ + kUnrecordedMax_us);
    if (is_idle && is_unmarked()) sooner(last_work_us_ + idle_us_);
    return due;
}

}  // namespace vouch::command_handler
