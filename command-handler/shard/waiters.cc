#include "command-handler/shard/waiters.h"

namespace vouch::command_handler {

void Waiters::add(const Waiter& waiter) {
    std::uint32_t at = 0;
    if (free_.empty()) {
        at = static_cast<std::uint32_t>(places_.size());
        places_.push_back({waiter});
    } else {
        at = free_.back();
        free_.pop_back();
        places_[at] = {waiter};
    }
    Line& line = lines_[Key{waiter.ledger, waiter.command}];
    if (line.first == kNone) {
        line.first = at;
    } else {
        places_[line.last].next = at;
    }
    line.last = at;
}

}  // namespace vouch::command_handler
