#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/core/shard_state.h"
#include "events/entries/arena.h"
#include "events/entries/event.h"

#include <optional>
#include <span>

/// What the decide_*.cc files share: one command being decided, the accounts it names, and the
/// refusals that look the same for every command. Each `refuse_*` answers true when it has refused.

namespace vouch::command_handler {

struct Departure;

/// One command on its way to an outcome.
struct Deciding {
    const ShardState& state;
    FactSource& facts;
    CommandDecided& out;
    Timestamp time;
    Arena& arena;
    bool may_cross = false;  ///< to another shard; a group's member may not
    /// Of a command that crosses (across_shards.h): what leaves.
    const Departure* departure = nullptr;

    const Command& command() const { return out.command; }
    LedgerId ledger() const { return out.command.ledger; }

    /// Always true, so that a check can end with it.
    bool refuse(Outcome outcome, const Facts& told = {});
    void accept(Outcome outcome) { out.outcome = outcome; }
};

/// All that an outcome says beside itself: none of it is left.
void clear_result(CommandDecided& decided);

/// An account that a command names, and what the command newly does to it.
struct Party {
    AccountId id;
    const AccountRow* row = nullptr;            ///< null: unknown, or on another shard
    AccountNumber number{AccountTable::kNone};  ///< kNone when `row` is null
    bool is_remote = false;
    /// The side newly posted to or held on; empty when nothing new is put on the account.
    std::optional<Side> side;
};

Party party(const Deciding& deciding, AccountId id, std::optional<Side> side);
/// Of an account that is known to exist here.
Party party(const Deciding& deciding, AccountNumber number, std::optional<Side> side);

/// command_expired.
bool refuse_expired(Deciding& deciding);
bool refuse_unknown(Deciding& deciding, std::span<const Party> parties);
/// The accounts' scales against `amount_decimals`; then all assets against the first known one's.
bool refuse_assets(Deciding& deciding, std::span<const Party> parties, bool must_agree);
/// account_closed, debits_frozen, credits_frozen, version_mismatch, in this order.
bool refuse_standing(Deciding& deciding, std::span<const Party> parties, const Party& decides);
bool refuse_remote(Deciding& deciding, std::span<const Party> parties);

/// Each kind of command that changes accounts alone: decide.cc visits them.
void decide(Deciding& deciding, const OpenAccount& command);
void decide(Deciding& deciding, const UpdateAccount& command);
void decide(Deciding& deciding, const FreezeAccount& command);
void decide(Deciding& deciding, const UnfreezeAccount& command);
void decide(Deciding& deciding, const CloseAccount& command);
void decide(Deciding& deciding, const Transfer& command);
void decide(Deciding& deciding, const PostEntry& command);
void decide(Deciding& deciding, const PlaceHold& command);
void decide(Deciding& deciding, const CaptureHold& command);
void decide(Deciding& deciding, const ReleaseHold& command);
void decide(Deciding& deciding, const ExtendHold& command);
void decide(Deciding& deciding, const Reverse& command);
void decide(Deciding& deciding, const Refund& command);

/// The amount that a transfer or hold moves: as asked, or less when balancing. Empty when refused
/// (insufficient_funds: nothing, or not enough, can be moved).
std::optional<Amount> amount_within_limits(Deciding& deciding, const Party& debit,
                                           const Party& credit, Amount asked, Balancing balancing);

}  // namespace vouch::command_handler
