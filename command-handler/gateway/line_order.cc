#include "command-handler/gateway/line_order.h"

namespace vouch::command_handler {

bool LineOrder::is_open(const TouchedBy& touched) const {
    if (!outcomes_.is_settled(touched.position)) return true;
    return touched.is_behind_open && touched.position >= outcomes_.first_open();
}

bool LineOrder::must_wait(const Command& command, ShardId shard,
                          std::span<const AccountId> behind) const {
    if (shard_count_ == 1) return false;
    if (touched_.size() >= kTouchedMax) return true;
    bool must_wait = false;
    visit_touched(command, behind, [&](const Touched& id) {
        const auto found = touched_.find(id);
        if (found == touched_.end() || found->second.shard == shard) return;
        if (is_open(found->second)) must_wait = true;
    });
    // Its own shard knows what came before, but cannot say yet whether another one sends it back.
    visit_closed(command, [&](AccountId account) {
        const auto found = touched_.find({command.ledger, account.high(), account.low()});
        if (found != touched_.end() && is_open(found->second)) must_wait = true;
    });
    return must_wait;
}

void LineOrder::add(const Command& command, ShardId shard, std::uint64_t position,
                    std::span<const AccountId> behind) {
    if (shard_count_ == 1) return;
    visit_touched(command, behind, [&](const Touched& id) {
        const auto [found, is_new] = touched_.try_emplace(id, TouchedBy{shard, position});
        if (is_new || found->second.position == position) return;
        const bool is_behind_open = is_open(found->second);
        found->second = {shard, position, is_behind_open};
    });
}

}  // namespace vouch::command_handler
