#pragma once

#include "events/entries/event.h"
#include "reconciler/books.h"

#include <optional>

namespace vouch::reconciler {

struct Refusal {
    Outcome outcome = Outcome::malformed;
    Facts facts;
};

/// What docs/rules.md answers to a command, as far as accounts and open holds tell.
struct Derived {
    /// False: it depends on a row that a broken record may have changed. Nothing else then counts.
    bool is_sure = true;
    /// Empty: accepted.
    std::optional<Refusal> refusal;
    /// What an accepted transfer, hold or capture moves.
    Amount moved;
};

/// Of a transfer, hold, capture, release, extension, entry, or a command on one account.
///
/// Of a capture, release or extension whose hold is not open, the answer is that of a hold never
/// placed; the id check (id_check.h) knows whether it was.
Derived derive(const Books& books, const Command& command, Timestamp time);

/// What comes before all that needs the past, for reversals and refunds: command_expired,
/// account_missing, account_not_found of the accounts that the command names.
Derived derive_before_past(const Books& books, const Command& command, Timestamp time);

/// What a refusal tells of an account, as it is in the books.
Facts facts_of(const Account& account);
/// Of an account by its id; only the id when the ledger has none.
Facts facts_of(const Books& books, LedgerId ledger, AccountId id);

/// When a hold expires that is placed or extended at `time`.
Timestamp expiry_of(Timestamp time, std::uint64_t expires_in_us);

}  // namespace vouch::reconciler
