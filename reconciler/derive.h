#pragma once

#include "events/entries/event.h"
#include "reconciler/books.h"
#include "reconciler/wide_sum.h"

#include <optional>
#include <string>

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
    /// Accepted so far: it crosses to this shard.
    std::optional<ShardId> crosses;
};

/// Of a transfer, hold, capture, release, extension, entry, or a command on one account.
///
/// Of a capture, release or extension whose hold is not open, the answer is that of a hold never
/// placed; the id check (id_check.h) knows whether it was.
/// `alone`: not a member of a group, which cannot cross.
Derived derive(const Books& books, const Command& command, Timestamp time, bool alone = true);

/// What comes before all that needs the past, for reversals and refunds: command_expired,
/// account_missing, account_not_found of the accounts that the command names.
Derived derive_before_past(const Books& books, const Command& command, Timestamp time);

/// What docs/rules.md answers to a credit, hold, capture or release of shard `from`.
struct DerivedStep {
    bool is_sure = true;
    std::optional<Refusal> refusal;
    Amount taken;  ///< of an accepted credit, hold or capture
};
DerivedStep derive_step(const Books& books, const Step& step, ShardId from);

/// Whether an account's debited or credited side still has room for `amount`, what could come back
/// to it included.
bool has_room(const Books& books, AccountNumber number, Side side, const WideSum& amount);

/// An account's totals with what could come back to it as held credits: what is asked of limits and
/// of what is available.
Totals guarded_totals(const Books& books, AccountNumber number);

/// What a refusal tells of an account, as it is in the books.
Facts facts_of(const Books& books, AccountNumber number);
/// Of an account by its id; only the id when the ledger has none.
Facts facts_of(const Books& books, LedgerId ledger, AccountId id);

/// The first field in which facts differ, with both values: "available, expected 3 found 4".
std::string describe_difference(const Facts& expected, const Facts& found);

/// When a hold expires that is placed or extended at `time`.
Timestamp expiry_of(Timestamp time, std::uint64_t expires_in_us);

}  // namespace vouch::reconciler
