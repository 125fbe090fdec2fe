#pragma once

#include "command-handler/core/account_table.h"
#include "command-handler/core/crossing_table.h"
#include "command-handler/core/hold_table.h"
#include "command-handler/core/transit_table.h"
#include "events/entries/event.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace vouch::command_handler {

/// What one shard knows in memory: accounts, open holds and commands in transit, and how to undo
/// the newest changes.
///
/// `apply` is the only mutation. It keeps pre-images by record, so that a group, or every record of
/// a failed commit, can be taken back; those of records that have become durable are forgotten. One
/// thread.
class ShardState {
public:
    ShardState(ShardId shard, std::uint32_t shard_count)
        : shard_(shard), shard_count_(shard_count), followed_holds_(shard_count) {}
    ShardState(const ShardState&) = delete;
    ShardState& operator=(const ShardState&) = delete;

    ShardId shard() const { return shard_; }
    std::uint32_t shard_count() const { return shard_count_; }
    bool is_local(AccountId account) const {
        return shard_count_ == 1 || shard_of(account, shard_count_) == shard_;
    }

    const AccountTable& accounts() const { return accounts_; }
    /// Holds that commands of this shard placed.
    const HoldTable& holds() const { return holds_; }
    /// Open holds toward accounts of this shard that another shard leads: `payer` is the transit
    /// account.
    const HoldTable& followed_holds(ShardId leader) const {
        return followed_holds_[leader.value()];
    }
    const CrossingTable& crossings() const { return crossings_; }

    /// The number of the newest transit account of the key.
    std::optional<AccountNumber> find_transit(const TransitKey& key) const {
        return transits_.find(key);
    }
    std::size_t count_transits(const TransitKey& key) const { return transits_.count(key); }
    /// Empty for an ordinary account. `to` or `from` is this shard.
    std::optional<TransitKey> transit_key(AccountNumber number) const {
        return transits_.key_of(number);
    }

    /// What other shards have not answered yet and may send back to the account.
    Amount unanswered(AccountNumber number) const {
        return accounts_.row(number).crossings == 0 ? Amount() : crossings_.unanswered(number);
    }

    /// The account's row, or null.
    const AccountRow* find(LedgerId ledger, AccountId id) const {
        const std::uint32_t number = accounts_.find(ledger, id);
        return number == AccountTable::kNone ? nullptr : &accounts_.row(AccountNumber(number));
    }
    /// The number of the next account to be opened.
    AccountNumber next_account() const {
        return AccountNumber(static_cast<std::uint32_t>(accounts_.size()));
    }

    /// Takes over an event's results. Only for events that decide made from this state (or that a
    /// log holds as their successors): a version that is not the next one is a bug, unless
    /// `newest_wins`, with which older changes than what is known are passed over (start from a
    /// fuzzy snapshot). `number`: the event's.
    void apply(const Event& event, EventNumber number, bool newest_wins = false);
    void apply(const CommandDecided& event, bool newest_wins = false);
    void apply(const HoldExpired& event, bool newest_wins = false);
    void apply(const CommandInTransit& event, EventNumber number, bool newest_wins = false);
    void apply(const CommandAnswered& event, bool newest_wins = false);
    void apply(const StepFollowed& event, bool newest_wins = false);
    void apply(const TransitOpened& event, bool newest_wins = false);

    /// From here on, changes belong to a new record.
    void begin_record();
    /// Takes back every change of the newest record; the one before is then the newest.
    void undo_newest_record();
    /// The oldest record is durable: its changes stay.
    void forget_oldest_record();

    /// A point in the newest record to come back to.
    struct Mark {
        std::size_t standings = 0;
        std::size_t holds = 0;
        std::size_t crossings = 0;
        std::size_t accounts = 0;
    };
    Mark mark() const;
    void undo_to(const Mark& mark);

    /// A row as a snapshot has it. Rows come in order of their numbers.
    void load_account(const AccountRow& row, Asset asset);
    void load_transit(const AccountRow& row, const TransitKey& key);
    void load_hold(LedgerId ledger, const HoldState& hold) { holds_.put(ledger, hold); }
    void load_followed_hold(ShardId leader, LedgerId ledger, const HoldState& hold) {
        followed_holds_[leader.value()].put(ledger, hold);
    }
    /// After the accounts.
    void load_crossing(const CrossingKey& key, Crossing crossing);

private:
    void apply_changes(std::span<const Change> changes, bool newest_wins);
    void open(const Command& command, const OpenAccount& open, const Change& change,
              bool newest_wins);
    void put_hold(HoldTable& table, LedgerId ledger, const HoldState& hold);
    void add_crossing(const CommandInTransit& event, EventNumber number);
    void end_crossing(const CrossingKey& key, bool newest_wins);
    void count_crossing(CrossingTable::Place place, bool is_new);
    void remove_last_account();

    struct StandingBefore {
        AccountNumber account;
        AccountStanding standing;
    };
    struct HoldBefore {
        HoldTable* table;
        HoldKey key;
        std::optional<HoldState> hold;
    };
    struct CrossingBefore {
        CrossingKey key;
        CrossingTable::Place place;
        bool was_there;  ///< and was taken out; else it was added
    };

    /// Pre-images of one record's changes, oldest first.
    struct Undo {
        std::vector<StandingBefore> standings;
        std::vector<HoldBefore> holds;
        std::vector<CrossingBefore> crossings;
        std::size_t accounts = 0;
    };

    ShardId shard_;
    std::uint32_t shard_count_;
    AccountTable accounts_;
    HoldTable holds_;
    std::vector<HoldTable> followed_holds_;  // by the shard that leads
    TransitTable transits_;
    CrossingTable crossings_;
    std::deque<Undo> undo_;
    std::vector<Undo> spare_undo_;  // emptied, kept for their memory
};

}  // namespace vouch::command_handler
