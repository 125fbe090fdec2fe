#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "command-handler/core/account_table.h"
#include "command-handler/core/hold_table.h"
#include "events/entries/event.h"

namespace vouch::command_handler {

/// What one shard knows in memory: accounts and open holds, and how to undo the newest changes.
///
/// `apply` is the only mutation. It keeps pre-images by record, so that a group, or every record of a
/// failed commit, can be taken back; those of records that have become durable are forgotten.
/// One thread.
class ShardState {
public:
    ShardState(ShardId shard, std::uint32_t shard_count) : shard_(shard), shard_count_(shard_count) {}

    ShardId shard() const { return shard_; }
    bool is_local(AccountId account) const {
        return shard_count_ == 1 || shard_of(account, shard_count_) == shard_;
    }

    const AccountTable& accounts() const { return accounts_; }
    const HoldTable& holds() const { return holds_; }

    /// The account's row, or null.
    const AccountRow* find(LedgerId ledger, AccountId id) const {
        const std::uint32_t number = accounts_.find(ledger, id);
        return number == AccountTable::kNone ? nullptr : &accounts_.row(AccountNumber(number));
    }
    /// The number of the next account to be opened.
    AccountNumber next_account() const { return AccountNumber(static_cast<std::uint32_t>(accounts_.size())); }

    /// Takes over an event's results. Only for events that decide made from this state (or that a
    /// log holds as their successors): a version that is not the next one is a bug, unless
    /// `newest_wins`, with which older changes than what is known are passed over (start from a
    /// fuzzy snapshot).
    void apply(const Event& event, bool newest_wins = false);
    void apply(const CommandDecided& event, bool newest_wins = false);
    void apply(const HoldExpired& event, bool newest_wins = false);

    /// From here on, changes belong to a new record.
    void begin_record();
    /// Takes back every change of the newest record; the one before is then the newest.
    void undo_newest_record();
    /// The oldest record is durable: its changes stay.
    void forget_oldest_record();
    std::size_t undoable_records() const { return undo_.size(); }

    /// A point in the newest record to come back to.
    struct Mark {
        std::size_t standings = 0;
        std::size_t holds = 0;
        std::size_t accounts = 0;
    };
    Mark mark() const;
    void undo_to(const Mark& mark);

    /// A row as a snapshot has it. Rows come in order of their numbers.
    void load_account(const AccountRow& row, Asset asset);
    void load_hold(LedgerId ledger, const HoldState& hold) { holds_.put(ledger, hold); }

private:
    void apply_changes(std::span<const Change> changes, bool newest_wins);
    void open(const Command& command, const OpenAccount& open, const Change& change, bool newest_wins);
    void put_hold(LedgerId ledger, const HoldState& hold);

    struct StandingBefore {
        AccountNumber account;
        AccountStanding standing;
    };
    struct HoldBefore {
        HoldKey key;
        std::optional<HoldState> hold;
    };

    /// Pre-images of one record's changes, oldest first.
    struct Undo {
        std::vector<StandingBefore> standings;
        std::vector<HoldBefore> holds;
        std::size_t accounts = 0;
    };

    ShardId shard_;
    std::uint32_t shard_count_;
    AccountTable accounts_;
    HoldTable holds_;
    std::deque<Undo> undo_;
    std::vector<Undo> spare_undo_;  // emptied, kept for their memory
};

}  // namespace vouch::command_handler
