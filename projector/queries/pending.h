#pragma once

#include "events/money/amount.h"
#include "events/money/asset.h"
#include "projector/queries/pending_reason.h"
#include "projector/queries/recorded_at.h"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::projector {

/// Where something stands among all that is pending: oldest first, then by shard.
struct PendingPlace {
    Timestamp since;
    ShardId shard;
    bool is_due = false;
    /// Of a crossing its event; of a hold that is due its ledger and the halves of its id.
    std::array<std::uint64_t, 3> within{};

    /// For callers who hand it out as an opaque cursor.
    std::string text() const;
    static std::optional<PendingPlace> parse(std::string_view text);
    friend auto operator<=>(const PendingPlace&, const PendingPlace&) = default;
};

/// A command that left a shard and has no outcome yet, or a hold that is due.
struct PendingRow {
    PendingPlace place;  ///< since when, and on which shard
    LedgerId ledger;
    std::string id;            ///< the command's, as it was sent where that is known
    std::string_view command;  ///< "transfer", "place_hold"
    std::string payer;         ///< as shown
    std::string payee;         ///< likewise; empty where a hold has none
    Asset asset;
    Amount amount;  ///< what has left, or is still held
    RecordedAt recorded;              ///< the departure, or the placing of the hold
    std::optional<ShardId> waits_for;  ///< empty for its own shard's next record
    WayOn way_on;
};

struct PendingQuery {
    std::optional<LedgerId> ledger{};       ///< empty: all
    std::optional<ShardId> shard{};         ///< that waits or is waited for
    std::optional<PendingReason> reason{};
    std::uint64_t older_than_us = 0;
    std::optional<PendingPlace> after{};  ///< where the page before ended
    std::size_t rows_max = 1000;
    ShardsAtWork at_work{};
};

struct PendingPage {
    std::vector<PendingRow> rows;
    std::optional<PendingPlace> next;  ///< for the next page; empty when this is the last
    /// Shards of which something may be missing, and why.
    std::vector<ShardFinding> not_covered;
};

}  // namespace vouch::projector
