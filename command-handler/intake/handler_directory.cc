#include "command-handler/intake/handler_directory.h"

#include "command-handler/intake/routing.h"
#include "events/money/shard_of.h"

namespace vouch::command_handler {

AccountFact HandlerDirectory::account(LedgerId ledger, AccountId account) {
    const std::optional<KnownAccount> known = said(handler_.find_account(ledger, account));
    if (!known) return {};
    return {.certainty = Certainty::certain, .asset = known->asset};
}

HoldFact HandlerDirectory::hold(LedgerId ledger, CommandId hold) {
    const std::optional<KnownHold> known = said(handler_.find_hold(ledger, hold));
    if (!known) return {};
    return {.certainty = Certainty::certain,
            .payer = known->payer,
            .payee = known->payee};
}

EntryFact HandlerDirectory::entry(LedgerId ledger, CommandId entry) {
    const std::optional<KnownEntry> known = said(handler_.find_entry(ledger, entry));
    if (!known) return {};
    EntryFact fact{.certainty = Certainty::certain, .postings = {}};
    fact.postings.reserve(known->postings.size());
    for (const Posting& posting : known->postings)
        fact.postings.push_back({posting.account, posting.side});
    return fact;
}

std::optional<KnownCommand> HandlerDirectory::seen(const Command& command,
                                                   std::optional<ShardId> decides) {
    return said(handler_.find_command(command, decides));
}

std::optional<StoppedShard> HandlerDirectory::stop_before(const Command& command, ShardId decides,
                                                          std::span<const AccountId> behind) {
    if (std::optional<StoppedShard> stop = handler_.stop_of(decides)) return stop;
    std::optional<StoppedShard> found;
    visit_accounts(command, behind, [&](AccountId account) {
        if (!found) found = handler_.stop_between(decides, shard_of(account, shard_count_));
    });
    if (found && handler_.may_have_seen(decides, command.ledger, command.id)) return std::nullopt;
    return found;
}

bool HandlerDirectory::may_have_seen(LedgerId ledger, CommandId id) {
    for (std::uint32_t shard = 0; shard < shard_count_; ++shard) {
        if (handler_.may_have_seen(ShardId(shard), ledger, id)) return true;
    }
    return false;
}

}  // namespace vouch::command_handler
