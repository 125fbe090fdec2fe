#pragma once

#include "command-handler/core/deciding.h"
#include "command-handler/core/transit_table.h"
#include "events/entries/event.h"
#include "events/entries/step.h"

#include <cstdint>
#include <optional>

/// What the decide_*.cc files share to send money and holds to another shard, and what the two ends
/// of a step share. Rules: docs/rules.md, "Across shards".

namespace vouch::command_handler {

/// A transit account as it is, or as it will be once it is opened.
struct Transit {
    TransitKey key;
    AccountNumber number;
    AccountStanding standing;
    std::uint32_t successor = 0;  ///< how many went before it
    bool is_open = true;

    /// What opens it.
    TransitOpened opening() const;
};

/// The transit account that takes `amount` on `side`, posted or held: the newest of the key, or the
/// one after it when that has no room.
Transit transit_with_room(const ShardState& state, const TransitKey& key, Side side, Amount amount);

/// Of a command that crosses: the step to send, and the account that money waits on.
struct Departure {
    ShardId to;
    StepKind step;
    std::optional<Transit> transit;  ///< given when it may have to be opened first
};

/// True when the command was refused, because it may not cross toward `account`.
bool refuse_to_cross(Deciding& deciding, AccountId account);

void depart(Deciding& deciding, AccountId toward, const StepKind& step,
            const std::optional<Transit>& transit = std::nullopt);

/// A debit here whose credit is on another shard.
struct CreditAcross {
    const Party& payer;
    AccountId payee;
    Amount amount;
    bool may_take_less = false;
    bool makes_entry = false;
};

/// Gives the changes and departs; false when it refused instead (amount_overflow). For a command
/// that may cross.
bool credit_across(Deciding& deciding, const CreditAcross& across);
/// The same where the payer's change is more than a posting.
bool credit_across(Deciding& deciding, const CreditAcross& across, const Change& payer_after);

/// A hold placed here whose payee is on another shard, likewise.
bool hold_across(Deciding& deciding, const Party& payer, AccountId payee, Amount amount);

/// amount_overflow: what is on its way could not all come back to the payer.
bool refuse_no_way_back(Deciding& deciding, const Party& payer, Amount amount);

}  // namespace vouch::command_handler
