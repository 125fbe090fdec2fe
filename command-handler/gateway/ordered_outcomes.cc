#include "command-handler/gateway/ordered_outcomes.h"

#include "events/check.h"

#include <utility>

namespace vouch::command_handler {

std::uint64_t OrderedOutcomes::add() {
    slots_.emplace_back();
    return first_ + slots_.size() - 1;
}

void OrderedOutcomes::settle(std::uint64_t line, std::string text) {
    VOUCH_ASSERT(line >= first_ && line - first_ < slots_.size());
    Slot& slot = slots_[line - first_];
    VOUCH_ASSERT(!slot.settled);
    slot = {.text = std::move(text), .settled = true};
    while (!slots_.empty() && slots_.front().settled) {
        if (const std::string& front = slots_.front().text; !front.empty()) {
            ready_ += front;
            ready_ += '\n';
        }
        slots_.pop_front();
        ++first_;
    }
}

bool OrderedOutcomes::is_settled(std::uint64_t line) const {
    return line < first_ || (line - first_ < slots_.size() && slots_[line - first_].settled);
}

}  // namespace vouch::command_handler
