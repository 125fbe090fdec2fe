#include "command-handler/gateway/claimed_ids.h"

#include <variant>

namespace vouch::command_handler {

std::optional<ClaimedIds::Elsewhere> ClaimedIds::claim(const Command& command, ShardId shard) {
    std::vector<CommandId> ids{command.id};
    if (const auto* group = std::get_if<Group>(&command.body)) {
        for (const Command& member : group->members) ids.push_back(member.id);
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (const auto other = ids_.claim(command.ledger, ids[i], shard)) {
            release();
            return Elsewhere{*other, i == 0 ? std::nullopt : std::optional(i - 1)};
        }
        claimed_.emplace_back(command.ledger, ids[i]);
    }
    return std::nullopt;
}

void ClaimedIds::release() {
    for (const auto& [ledger, id] : claimed_) ids_.release(ledger, id);
    claimed_.clear();
}

}  // namespace vouch::command_handler
