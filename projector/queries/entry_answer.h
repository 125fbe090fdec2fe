#pragma once

#include "events/money/account.h"
#include "events/money/asset.h"
#include "events/money/outcome.h"
#include "projector/queries/asked_command.h"
#include "projector/queries/recorded_at.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vouch::projector {

/// One posting of an entry, as it was asked and what it led to.
struct EntryPosting {
    std::string account;  ///< as shown
    Asset asset;
    AccountClass account_class = AccountClass::asset;
    Side side = Side::debit;
    Amount amount;
    Amount refunded;  ///< of this posting so far
    Totals totals;    ///< the account's, after it
    Version version;
    AccountId account_id;
    /// False when the view that has this posting is not that far, or it is not posted yet: totals
    /// and version then say nothing, and a zero amount is one that is not known.
    bool is_known = true;
};

/// A journal entry: the voucher and its postings. One that crossed shards has two, on its shard the
/// debit of what finally moved, on the other the credit; what was sent and came back is in the
/// statement only.
struct EntryAnswer {
    CommandId id;
    std::string id_text;  ///< as it was sent; empty where the event has no text
    LedgerId ledger;
    std::string command;  ///< "transfer", "post_entry", "capture_hold", "reverse", "refund"
    /// The credit is on its way to another shard, which may still refuse it. `outcome` says
    /// nothing.
    bool in_transit = false;
    Outcome outcome = Outcome::posted;
    std::vector<EntryPosting> postings;
    /// The hold captured, the entry reversed or refunded, as it was sent; empty when there is none.
    std::string original;
    bool reversed = false;
    ShownVoucher voucher;
    RecordedAt recorded;
    AsOf as_of;
    std::optional<AsOf> remote_as_of;  ///< of the other shard, when the entry crossed
    std::vector<RecordedAt> others;    ///< where else the id is a command's: see Books
};

/// Whom a command on `shard` credits, or holds for, on `toward`; zero when that is not known.
Result<AccountId> payee_across(const ShardReaders& shards, const Command& command,
                               ShardReader& shard, ShardId toward);

}  // namespace vouch::projector
