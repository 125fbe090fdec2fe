#include "tests/simulation/orders.h"

#include "events/entries/codec.h"
#include "events/money/shard_of.h"

#include <algorithm>
#include <stdexcept>

namespace vouch::test {

Orders::Orders(const Plan& plan) {
    std::map<Bytes, std::size_t> contents;
    // An id that is used again on another shard is a command of its own there.
    std::map<std::pair<LedgerId, CommandId>, ShardId> homes;
    for (const PlannedCommand& planned : plan.commands) {
        std::vector<CommandBytes> members;
        Arena arena;
        Command command;
        if (split_batch(planned.bytes, members) || decode_command(members.at(0), arena, command))
            throw std::logic_error("a planned command is unfit");
        const AccountId account = deciding_account(command);
        const ShardId home = account.is_zero() ? ShardId(0) : shard_of(account, plan.shards);
        if (homes.emplace(std::pair(command.ledger, command.id), home).first->second != home)
            continue;
        const std::size_t first = contents.emplace(planned.bytes, orders_.size()).first->second;
        orders_.push_back(
            {planned.at, planned.bytes, command.ledger, command.id, home,
             kind_name(command.body), first, {}});
    }
    untold_ = orders_.size();
}

std::vector<std::size_t> Orders::due(SimulatedTime now) const {
    std::vector<std::size_t> due;
    for (std::size_t i = first_untold_; i < orders_.size() && orders_[i].due <= now; ++i) {
        if (!orders_[i].told) due.push_back(i);
    }
    return due;
}

std::optional<SimulatedTime> Orders::next_due(SimulatedTime now) const {
    const auto next = std::ranges::upper_bound(orders_, now, {}, &Order::due);
    return next == orders_.end() ? std::nullopt : std::optional(next->due);
}

std::string Orders::tell(std::size_t index, const Told& told) {
    Order& order = orders_[index];
    if (!order.told) --untold_;
    order.told = told;
    while (first_untold_ < orders_.size() && orders_[first_untold_].told) ++first_untold_;
    const Told& first = first_told_.emplace(order.first, told).first->second;
    const bool is_same = first.outcome == told.outcome &&
                         (told.outcome == Outcome::conflict || first == told);
    return is_same ? "" : text(index) + ", and was told before: " +
                              std::string(to_text(first.outcome)) + " in record " +
                              std::to_string(first.record.value());
}

std::string Orders::text(std::size_t index) const {
    const Order& order = orders_[index];
    std::string text = std::string(order.kind) + " " + std::to_string(index) + " (id " +
                       std::to_string(order.id.low()) + ") of shard " +
                       std::to_string(order.home.value());
    if (order.told)
        text += ": " + std::string(to_text(order.told->outcome)) + " in record " +
                std::to_string(order.told->record.value());
    return text;
}

}  // namespace vouch::test
