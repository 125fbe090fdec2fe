#pragma once

#include "command-handler/shard/look_up.h"
#include "command-handler/shard/stopped_shard.h"
#include "events/entries/command.h"
#include "events/money/account.h"
#include "events/money/asset.h"
#include "events/money/ids.h"
#include "events/money/number.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vouch::command_handler {

/// How far something said of an account, hold or entry is to be believed.
enum class Certainty : std::uint8_t {
    unknown,  ///< nobody knows it
    refused,  ///< an earlier line said so and was refused, and the books know of none
    pending,  ///< an earlier line decides it and has no outcome yet: ask again when it has one
    likely,   ///< an earlier line says so and has no outcome yet
    certain,  ///< the books say so, and it never changes
};

struct AccountFact {
    Certainty certainty = Certainty::unknown;
    Asset asset;
};

struct HoldFact {
    Certainty certainty = Certainty::unknown;
    AccountId payer;
    AccountId payee;  ///< zero: none, or not known
};

struct PostingFact {
    AccountId account;
    Side side = Side::debit;
};

struct EntryFact {
    Certainty certainty = Certainty::unknown;
    std::vector<PostingFact> postings;  ///< in the entry's order
};

/// What a command written down by a person leaves out and its bytes need: the asset that says how
/// many decimals an amount has, the account that decides where a hold or entry lives; and whether
/// its id is known.
///
/// Nothing that is answered here decides anything: the command handler checks it all again. So an
/// answer may be out of date; it must only never make an amount mean something else (validation.h).
class Directory {
public:
    virtual ~Directory() = default;
    virtual AccountFact account(LedgerId ledger, AccountId account) = 0;
    virtual HoldFact hold(LedgerId ledger, CommandId hold) = 0;
    virtual EntryFact entry(LedgerId ledger, CommandId entry) = 0;
    /// Handler::find_command.
    virtual std::optional<KnownCommand> seen(const Command& command,
                                             std::optional<ShardId> decides) = 0;
    /// The shard of the deciding account has stopped, or another one that the command moves money
    /// to, or one of the two is held back by the other: what it would wait for. Not of an id that
    /// the deciding shard may know: a repeat is answered. `behind` as StreamDirectory::behind.
    virtual std::optional<StoppedShard> stop_before(const Command& command, ShardId decides,
                                                    std::span<const AccountId> behind) = 0;

    /// False when no shard has seen the id, those that have stopped included.
    virtual bool may_have_seen(LedgerId ledger, CommandId id) = 0;

    /// Why something that was asked since `forget_unknown` cannot be said; nothing is to be made of
    /// what was said to be unknown then.
    virtual const std::optional<StoppedShard>& unknown() const = 0;
    virtual void forget_unknown() = 0;
};

}  // namespace vouch::command_handler
