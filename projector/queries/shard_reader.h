#pragma once

#include "events/entries/event.h"
#include "events/result.h"
#include "projector/queries/account_balance.h"
#include "projector/queries/due_holds.h"
#include "projector/queries/event_walk.h"
#include "projector/queries/recorded_at.h"
#include "projector/views/view_store.h"

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace vouch::projector {

/// One shard's view as of one position, by what queries ask of it. One thread.
class ShardReader {
public:
    static Result<std::unique_ptr<ShardReader>> open(ShardId shard, ViewStore& store);

    ShardId shard() const { return shard_; }
    AsOf as_of() const;
    /// Of the newest record. What comes later is never earlier: the shard is complete below it.
    /// Empty before the first record.
    std::optional<Timestamp> last_time() const;
    Fault corrupt(const std::string& what) const;

    /// The events of all records with a time up to and including `at`; without it, all.
    struct Cut {
        EventNumber end;                     ///< the first event that is not among them
        std::optional<RecordNumber> record;  ///< the last record; empty when there is none
    };
    Result<Cut> cut(std::optional<Timestamp> at);

    /// Whether a command of that ledger was decided here.
    Result<bool> names(LedgerId ledger);
    Result<std::optional<AccountNumber>> find_account(LedgerId ledger, AccountId id);
    /// `corrupt` when there is no such account: numbers come from other rows. Until the next call.
    Result<const AccountInfo*> account(AccountNumber number);
    /// The account's newest change among events before `end`.
    Result<std::optional<Change>> newest_change(AccountNumber account, EventNumber end);

    DueHolds& due() { return due_; }

    /// The first event under this id, a failed group's for its members.
    Result<std::optional<EventNumber>> find_command(LedgerId ledger, CommandId id);
    /// The commands of other content that were sent under this id later: the first of them.
    Result<std::vector<EventNumber>> find_conflicts(LedgerId ledger, CommandId id,
                                                    std::size_t max);
    Result<std::optional<HoldRow>> find_hold(LedgerId ledger, CommandId id);
    Result<std::optional<EntryStateRow>> find_entry_state(LedgerId ledger, CommandId id,
                                                          Leader leader);
    /// By ascending posting; also what came back wholly, as zero.
    Result<std::vector<Refunded>> find_refunded(LedgerId ledger, CommandId entry, Leader leader);

    EventWalk walk() { return {shard_, snapshot_->cursor()}; }
    /// The first event of a record; empty when the view is not that far.
    Result<std::optional<EventNumber>> first_event_of(RecordNumber record);
    std::unique_ptr<RowCursor> cursor() { return snapshot_->cursor(); }

private:
    /// Accounts remembered while a query runs; then all are forgotten.
    static constexpr std::size_t kAccountsCachedMax = 16'384;

    ShardReader(ShardId shard, std::unique_ptr<ViewSnapshot> snapshot);
    Result<std::optional<Bytes>> get(const RowKey& key);
    Result<AccountInfo> read_account(AccountNumber number);
    Status add_updates(AccountInfo& account);

    ShardId shard_;
    std::unique_ptr<ViewSnapshot> snapshot_;
    std::unique_ptr<RowCursor> history_;
    std::unique_ptr<RowCursor> updates_;
    std::unordered_map<AccountNumber, AccountInfo> accounts_;
    Bytes newest_;  // a history row
    DueHolds due_;
};

}  // namespace vouch::projector
