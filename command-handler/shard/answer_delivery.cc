#include "command-handler/shard/answer_delivery.h"

#include <span>

namespace vouch::command_handler {

// Outcomes first: their waiters were told of the transit with an earlier record.
void AnswerDelivery::deliver(const RecordAnswers& told) {
    deliver_outcomes(told);
    for (const Waiter& waiter : told.waiters) {
        // Decided before the cut, and durable after it.
        if (!is_cut_off(waiter.ledger, waiter.command)) waiters_.add(waiter);
    }
    std::size_t at = 0;
    for (const AnswerRun& run : told.runs) {
        with_.sink.answered(with_.shard, run.batch, run.first,
                            std::span(told.answers).subspan(at, run.count));
        at += run.count;
    }
}

void AnswerDelivery::deliver_outcomes(const RecordAnswers& told) {
    MemberPlace first;
    const auto flush = [&] {
        if (!outcomes_.empty())
            with_.sink.answered(with_.shard, first.batch, first.member, outcomes_);
        outcomes_.clear();
    };
    for (const SettledCommand& settled : told.settled) {
        waiters_.settle(settled.ledger, settled.answer.id, [&](const Waiter& waiter) {
            const bool goes_on = !outcomes_.empty() && waiter.batch == first.batch &&
                                 waiter.member == first.member + outcomes_.size();
            if (!goes_on) {
                flush();
                first = {waiter.batch, waiter.member};
            }
            outcomes_.push_back(settled.answer);
            outcomes_.back().repeated = waiter.repeated;
        });
    }
    flush();
}

bool AnswerDelivery::is_cut_from(ShardId other) const {
    return with_.cuts != nullptr && with_.cuts->is_cut(with_.shard, other);
}

void AnswerDelivery::forget_cut_off() {
    if (with_.cuts == nullptr || with_.cuts->count() == cuts_seen_) return;
    cuts_seen_ = with_.cuts->count();
    waiters_.forget_if(
        [this](LedgerId ledger, CommandId command) { return is_cut_off(ledger, command); });
}

/// Whether a command in transit has no outcome before the next start.
bool AnswerDelivery::is_cut_off(LedgerId ledger, CommandId command) const {
    if (with_.cuts == nullptr || with_.cuts->count() == 0) return false;
    const Crossing* crossing = books_.state.crossings().find({ledger, command});
    return crossing != nullptr && is_cut_from(crossing->to);
}

}  // namespace vouch::command_handler
