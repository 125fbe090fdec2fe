#pragma once

#include "command-handler/core/account_table.h"
#include "command-handler/core/crossing_table.h"
#include "command-handler/core/hold_table.h"
#include "command-handler/core/transit_table.h"

#include <cstdint>
#include <vector>

namespace vouch::command_handler {

/// The tables of a shard's state, and what holds between them: a transit account is a row among the
/// accounts, and each account counts its crossings. One thread.
struct StateTables {
    explicit StateTables(std::uint32_t shard_count) : followed_holds(shard_count) {}
    StateTables(const StateTables&) = delete;
    StateTables& operator=(const StateTables&) = delete;

    /// Appends a row; its number is the next.
    void open_account(AccountRow row, Asset asset);
    void open_transit(const AccountRow& row, const TransitKey& key);
    /// Takes the newest row away again, of either kind.
    void remove_last_account();

    AccountTable accounts;
    HoldTable holds;
    std::vector<HoldTable> followed_holds;  ///< by the shard that leads
    TransitTable transits;
    CrossingTable crossings{accounts};
};

}  // namespace vouch::command_handler
