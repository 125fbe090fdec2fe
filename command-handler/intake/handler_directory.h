#pragma once

#include "command-handler/intake/directory.h"
#include "command-handler/shard/handler.h"

namespace vouch::command_handler {

/// Asks the shards' writers, never the views, which may lag. Each question waits for a shard to
/// come between two batches; StreamDirectory remembers answers. One thread; the handler outlives
/// it.
class HandlerDirectory final : public Directory {
public:
    HandlerDirectory(Handler& handler, std::uint32_t shard_count)
        : handler_(handler), shard_count_(shard_count) {}

    AccountFact account(LedgerId ledger, AccountId account) override;
    HoldFact hold(LedgerId ledger, CommandId hold) override;
    EntryFact entry(LedgerId ledger, CommandId entry) override;
    std::optional<KnownCommand> seen(const Command& command,
                                     std::optional<ShardId> decides) override;
    std::optional<StoppedShard> stop_before(const Command& command, ShardId decides,
                                            std::span<const AccountId> behind) override;
    bool may_have_seen(LedgerId ledger, CommandId id) override;
    const std::optional<StoppedShard>& unknown() const override { return unknown_; }
    void forget_unknown() override { unknown_.reset(); }

private:
    template <class T>
    std::optional<T> said(LookUp<T> look_up) {
        if (look_up.unknown && !unknown_) unknown_ = std::move(look_up.unknown);
        return std::move(look_up.found);
    }

    Handler& handler_;
    std::uint32_t shard_count_;
    std::optional<StoppedShard> unknown_;
};

}  // namespace vouch::command_handler
