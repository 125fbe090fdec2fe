#pragma once

#include "command-handler/intake/directory.h"
#include "command-handler/shard/handler.h"

namespace vouch::command_handler {

/// Asks the shards' writers, never the views, which may lag. Each question waits for a shard to
/// come between two batches; StreamDirectory remembers answers. The handler outlives it.
class HandlerDirectory final : public Directory {
public:
    explicit HandlerDirectory(Handler& handler) : handler_(handler) {}

    AccountFact account(LedgerId ledger, AccountId account) override;
    HoldFact hold(LedgerId ledger, CommandId hold) override;
    EntryFact entry(LedgerId ledger, CommandId entry) override;
    std::optional<KnownCommand> seen(const Command& command,
                                     std::optional<ShardId> decides) override;
    std::optional<Fault> fault() const override { return handler_.fault(); }

private:
    Handler& handler_;
};

}  // namespace vouch::command_handler
