#pragma once

#include "command-handler/core/open_changes.h"
#include "command-handler/core/state_tables.h"
#include "events/entries/event.h"
#include "events/money/shard_of.h"

#include <cstdint>

namespace vouch::command_handler {

/// What one shard knows in memory: accounts, open holds and commands in transit. `apply` is the
/// only change, and can be taken back until its record is durable (`changes`). One thread.
class ShardState {
public:
    ShardState(ShardId shard, std::uint32_t shard_count)
        : shard_(shard), shard_count_(shard_count), tables_(shard_count), changes_(tables_) {}

    ShardId shard() const { return shard_; }
    std::uint32_t shard_count() const { return shard_count_; }
    bool is_local(AccountId account) const {
        return shard_count_ == 1 || shard_of(account, shard_count_) == shard_;
    }

    const AccountTable& accounts() const { return tables_.accounts; }
    /// Holds that commands of this shard placed.
    const HoldTable& holds() const { return tables_.holds; }
    /// Open holds toward accounts of this shard that another shard leads: `payer` is the transit
    /// account.
    const HoldTable& followed_holds(ShardId leader) const {
        return tables_.followed_holds[leader.value()];
    }
    const TransitTable& transits() const { return tables_.transits; }
    const CrossingTable& crossings() const { return tables_.crossings; }

    /// The account's row, or null.
    const AccountRow* find(LedgerId ledger, AccountId id) const {
        const std::uint32_t number = tables_.accounts.find(ledger, id);
        return number == AccountTable::kNone ? nullptr
                                             : &tables_.accounts.row(AccountNumber(number));
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

    /// The changes of records that are not durable.
    OpenChanges& changes() { return changes_; }
    /// To load a snapshot into, before anything is applied: accounts in the order of their numbers,
    /// crossings after them.
    StateTables& tables() { return tables_; }

private:
    void apply_changes(std::span<const Change> changes, bool newest_wins);
    void put_hold(HoldTable& table, LedgerId ledger, const HoldState& hold);

    ShardId shard_;
    std::uint32_t shard_count_;
    StateTables tables_;
    OpenChanges changes_;
};

}  // namespace vouch::command_handler
