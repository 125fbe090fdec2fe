#pragma once

#include "command-handler/core/state_tables.h"

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace vouch::command_handler {

/// How to take back the newest changes of a shard's state: what was there before, by record, until
/// the record is durable. Before the first record is begun nothing is kept. One thread.
class OpenChanges {
public:
    /// The tables outlive it.
    explicit OpenChanges(StateTables& tables) : tables_(tables) {}

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

    // --- What was before a change that is being made.
    void keep_standing(AccountNumber account, const AccountStanding& before) {
        if (!records_.empty()) records_.back().standings.push_back({account, before});
    }
    void keep_hold(HoldTable& table, const HoldKey& key, std::optional<HoldState> before) {
        if (!records_.empty()) records_.back().holds.push_back({&table, key, std::move(before)});
    }
    void keep_begun(const CrossingKey& key, CrossingTable::Place place) {
        if (!records_.empty()) records_.back().crossings.push_back({key, place, false});
    }
    /// What ends stays in its place until the record is durable.
    void keep_ended(const CrossingKey& key, CrossingTable::Place place);

private:
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

    /// What was before one record's changes, oldest first.
    struct Before {
        std::vector<StandingBefore> standings;
        std::vector<HoldBefore> holds;
        std::vector<CrossingBefore> crossings;
        std::size_t accounts = 0;
    };

    StateTables& tables_;
    std::deque<Before> records_;  // oldest first
    std::vector<Before> spare_;   // emptied, kept for their memory
};

}  // namespace vouch::command_handler
