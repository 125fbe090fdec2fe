#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/core/shard_state.h"
#include "events/entries/arena.h"
#include "events/entries/event.h"

#include <initializer_list>
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
    /// Where to say that the command crosses to another shard (across_shards.h); null when it may
    /// not, as in a group.
    const Departure** departure = nullptr;

    const Command& command() const { return out.command; }
    LedgerId ledger() const { return out.command.ledger; }

    /// Always true, so that a check can end with it.
    bool refuse(Outcome outcome, const Facts& told = {});
    void accept(Outcome outcome) { out.outcome = outcome; }
};

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

bool refuse_unknown(Deciding& deciding, std::span<const Party> parties);
/// The accounts' scales against `amount_decimals`; then all assets against the first known one's.
bool refuse_assets(Deciding& deciding, std::span<const Party> parties, bool must_agree);
/// account_closed, debits_frozen, credits_frozen, version_mismatch, in this order.
bool refuse_standing(Deciding& deciding, std::span<const Party> parties, const Party& decides);
bool refuse_remote(Deciding& deciding, std::span<const Party> parties);

void decide_open(Deciding& deciding, const OpenAccount& command);
void decide_update(Deciding& deciding, const UpdateAccount& command);
void decide_freeze(Deciding& deciding, const FreezeAccount& command);
void decide_unfreeze(Deciding& deciding, const UnfreezeAccount& command);
void decide_close(Deciding& deciding, const CloseAccount& command);
void decide_transfer(Deciding& deciding, const Transfer& command);
void decide_entry(Deciding& deciding, const PostEntry& command);
void decide_place(Deciding& deciding, const PlaceHold& command);
void decide_capture(Deciding& deciding, const CaptureHold& command);
void decide_release(Deciding& deciding, const ReleaseHold& command);
void decide_extend(Deciding& deciding, const ExtendHold& command);
void decide_reverse(Deciding& deciding, const Reverse& command);
void decide_refund(Deciding& deciding, const Refund& command);

/// The amount that a transfer or hold moves: as asked, or less when balancing. False when refused
/// (insufficient_funds: nothing, or not enough, can be moved).
bool amount_within_limits(Deciding& deciding, const Party& debit, const Party& credit, Amount asked,
                          Balancing balancing, Amount& moved);

}  // namespace vouch::command_handler
