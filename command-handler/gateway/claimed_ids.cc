#include "command-handler/gateway/claimed_ids.h"

#include <variant>

namespace vouch::command_handler {

std::optional<ShardId> ClaimedIds::claim(const Command& command, ShardId shard) {
    std::vector<CommandId> ids{command.id};
    if (const auto* group = std::get_if<Group>(&command.body)) {
        for (const Command& member : group->members) ids.push_back(member.id);
    }
    for (const CommandId id : ids) {
        if (const auto other = ids_.claim(command.ledger, id, shard)) {
            release();
            return other;
        }
        claimed_.emplace_back(command.ledger, id);
    }
    return std::nullopt;
}

void ClaimedIds::release() {
    for (const auto& [ledger, id] : claimed_) ids_.release(ledger, id);
    claimed_.clear();
}

}  // namespace vouch::command_handler
