#pragma once

#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "projector/queries/books.h"
#include "projector/views/view_store.h"

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace vouch::projector {

/// Walks a shard's events in order, from the blocks that the view keeps. The reader that made it
/// outlives it. One thread.
class EventWalk {
public:
    EventWalk(ShardId shard, std::unique_ptr<RowCursor> cursor);

    /// The next call of `next` gives this event, or ends when there is none from it on.
    Status seek(EventNumber event);
    /// False at the end.
    Result<bool> next();

    /// Of the event that `next` gave, until it is called again.
    const Event& event() const { return event_; }
    ByteView event_bytes() const { return spans_[index_ - 1]; }
    RecordedAt recorded() const;

private:
    Result<bool> load_block();

    ShardId shard_;
    std::unique_ptr<RowCursor> cursor_;
    Bytes block_;  // value of the row at the cursor
    EventBlockHeader header_;
    EventNumber first_;            // of the block
    std::vector<ByteView> spans_;  // its events' bytes; empty before the first block
    std::size_t index_ = 0;        // of the next event in spans_
    Arena arena_;
    Event event_;
};

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

    Result<std::optional<AccountNumber>> find_account(LedgerId ledger, AccountId id);
    /// `corrupt` when there is no such account: numbers come from other rows. Until the next call.
    Result<const AccountInfo*> account(AccountNumber number);
    /// The account's newest change among events before `end`.
    Result<std::optional<Change>> newest_change(AccountNumber account, EventNumber end);

    /// What holds that are due set aside on an account: they expire at or before a time by which no
    /// record has said so yet.
    struct Due {
        Amount debits;
        Amount credits;
    };
    /// Of holds that expire by `by`, as of the events before `end`, whose newest change of the
    /// account is `newest`. `by` is not before the last of these events.
    Result<Due> due_of(const Change& newest, EventNumber end, Timestamp by);

    /// The first event under this id, a failed group's for its members.
    Result<std::optional<EventNumber>> find_command(LedgerId ledger, CommandId id);
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
    Status find_due(Timestamp by);
    Status add_due(LedgerId ledger, CommandId id, Timestamp expires_at);
    Result<std::optional<Change>> expired_after(const Change& newest, EventNumber end,
                                                Timestamp by);
    Result<AccountInfo> read_account(AccountNumber number);
    Status add_updates(AccountInfo& account);

    ShardId shard_;
    std::unique_ptr<ViewSnapshot> snapshot_;
    std::unique_ptr<RowCursor> history_;
    std::unique_ptr<RowCursor> updates_;
    std::unordered_map<AccountNumber, AccountInfo> accounts_;
    Bytes newest_;  // a history row
    std::optional<Timestamp> due_by_;
    std::unordered_map<AccountNumber, Due> due_;  // by then, of holds that are still open
};

}  // namespace vouch::projector
