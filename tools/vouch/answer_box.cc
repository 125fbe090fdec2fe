#include "tools/vouch/answer_box.h"

#include <iterator>

namespace vouch::cli {

KeptAnswer::KeptAnswer(const command_handler::Answer& given) : answer(given) {
    if (given.details == nullptr) return;
    details = std::make_unique<command_handler::AnswerDetails>(*given.details);
    answer.details = details.get();
}

void AnswerBox::put(std::vector<Delivery> deliveries) {
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

void AnswerBox::fail(const Fault& fault) {
    {
        const std::lock_guard lock(mutex_);
        if (!fault_) fault_ = fault;
        if (std::exchange(is_awake_, true)) return;
    }
    wake_();
}

std::optional<Fault> AnswerBox::hand_over() {
    std::optional<Fault> fault;
    taken_.clear();
    {
        const std::lock_guard lock(mutex_);
        std::swap(taken_, deliveries_);
        is_awake_ = false;
        fault = fault_;
    }
    for (const Delivery& each : taken_) {
        if (const auto* answer = std::get_if<KeptAnswer>(&each.told))
            each.taker->take_answer(each.position, each.shard, *answer);
        if (const auto* cut = std::get_if<CutOff>(&each.told))
            each.taker->take_cut_off(each.position, *cut);
    }
    return fault;
}

}  // namespace vouch::cli
