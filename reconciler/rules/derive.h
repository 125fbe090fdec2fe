#pragma once

#include "events/entries/command.h"
#include "reconciler/rules/refusal.h"
#include "reconciler/state/replayed_books.h"

#include <optional>

namespace vouch::reconciler {

/// What docs/rules.md answers to a command, as far as accounts and open holds tell.
struct Derived {
    /// False: it depends on a row that a broken record may have changed. Nothing else then counts.
    bool is_sure = true;
    /// Empty: accepted.
    std::optional<Refusal> refusal;
    /// What an accepted transfer, hold or capture moves.
    Amount moved;
    /// Accepted so far: it crosses to this shard.
    std::optional<ShardId> crosses;
};

/// Of a transfer, hold, capture, release, extension, entry, or a command on one account.
///
/// Of a capture, release or extension whose hold is not open, the answer is that of a hold never
/// placed; the id check (id_check.h) knows whether it was.
/// `alone`: not a member of a group, which cannot cross.
Derived derive(const ReplayedBooks& books, const Command& command, Timestamp time,
               bool alone = true);

/// What comes before all that needs the past, for reversals and refunds: command_expired,
/// account_missing, account_not_found of the accounts that the command names.
Derived derive_before_past(const ReplayedBooks& books, const Command& command, Timestamp time);

}  // namespace vouch::reconciler
