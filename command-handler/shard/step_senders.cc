#include "command-handler/shard/step_senders.h"

#include "events/world/clock.h"
#include "events/world/notice.h"

#include <algorithm>
#include <bit>
#include <chrono>

namespace vouch::command_handler {

Offset StepSenders::first_held(Offset otherwise) const {
    for (const StepSender& sender : senders_) otherwise = sender.first_held(otherwise);
    return otherwise;
}

Status StepSenders::hold_back(ShardId from, Offset offset, const Fault& fault) {
    const bool is_of_log = with_.log.failure().has_value();
    if (is_of_log || (fault.code != FaultCode::corrupt && fault.code != FaultCode::storage))
        return fault;
    StepSender& sender = of(from);
    sender.set_aside(offset);
    sender.rebuild.reset();
    if (fault.code == FaultCode::storage && ++sender.failed_reads < StepSender::kReadsMax) {
        if (sender.failed_reads == 1) {
            tell({Severity::warning, "sender_unread",
                  "shard " + std::to_string(with_.shard.value()) + " cannot read shard " +
                      std::to_string(from.value()) + ", and tries again: " + fault.message,
                  with_.shard});
        }
        sender.read_again_at =
            steady_now() + std::chrono::microseconds(with_.options.bounds.steps_read_again_us);
        return {};
    }
    sender.fault = fault;
    const HeldBack held{from, with_.shard, fault};
    if (with_.cuts != nullptr) with_.cuts->hold_back(held);
    with_.sink.held_back(held);
    pass_over(from);
    return {};
}

// There may be many: people hear of the 1st, 2nd, 4th, 8th…
void StepSenders::pass_over(ShardId from) {
    StepSender& sender = of(from);
    if (!sender.fault || !std::has_single_bit(++sender.passed_over)) return;
    tell({Severity::alarm, "steps_held_back",
          HeldBack{from, with_.shard, *sender.fault}.text() + "; " +
              std::to_string(sender.passed_over) + " batches so far",
          with_.shard});
}

void StepSenders::resume(ShardId from) { next_read_ = std::min(next_read_, of(from).resume()); }

void StepSenders::resume_due() {
    const auto now = steady_now();
    for (std::uint32_t i = 0; i < count(); ++i) {
        StepSender& sender = senders_[i];
        if (!sender.read_again_at || now < *sender.read_again_at) continue;
        sender.read_again_at.reset();
        resume(ShardId(i));
    }
}

bool StepSenders::has_failed_reads() const {
    return std::any_of(senders_.begin(), senders_.end(),
                       [](const StepSender& sender) { return sender.read_again_at.has_value(); });
}

}  // namespace vouch::command_handler
