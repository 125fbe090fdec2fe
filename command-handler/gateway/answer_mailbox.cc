#include "command-handler/gateway/answer_mailbox.h"

#include "events/overloads.h"

#include <iterator>

namespace vouch::command_handler {

KeptAnswer::KeptAnswer(const Answer& given) : answer(given) {
    if (given.details == nullptr) return;
    details = std::make_unique<AnswerDetails>(*given.details);
    answer.details = details.get();
}

void AnswerMailbox::put(std::vector<Delivery> deliveries) {
    {
        const std::lock_guard lock(mutex_);
        if (deliveries_.empty()) {
            deliveries_ = std::move(deliveries);
        } else {
            deliveries_.insert(deliveries_.end(), std::make_move_iterator(deliveries.begin()),
                               std::make_move_iterator(deliveries.end()));
        }
        if (std::exchange(is_awake_, true)) return;
    }
    wake_();
}

void AnswerMailbox::fail(const Fault& fault) {
    {
        const std::lock_guard lock(mutex_);
        if (!fault_) fault_ = fault;
        if (std::exchange(is_awake_, true)) return;
    }
    wake_();
}

std::optional<Fault> AnswerMailbox::hand_over() {
    std::optional<Fault> fault;
    taken_.clear();
    {
        const std::lock_guard lock(mutex_);
        std::swap(taken_, deliveries_);
        is_awake_ = false;
        fault = fault_;
    }
    for (const Delivery& each : taken_) {
        std::visit(
            Overloads{
                [&](const KeptAnswer& answer) {
                    each.recipient->take_answer(each.position, each.shard, answer);
                },
                [&](const CutOff& cut) { each.recipient->take_cut_off(each.position, cut); },
            },
            each.told);
    }
    return fault;
}

}  // namespace vouch::command_handler
