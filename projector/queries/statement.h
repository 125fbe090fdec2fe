#pragma once

#include "events/money/account.h"
#include "events/money/asset.h"
#include "projector/queries/recorded_at.h"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::projector {

/// A posting and its account after it.
struct StatementRow {
    std::string account;  ///< as shown
    AccountId account_id;
    AccountClass account_class = AccountClass::asset;
    Asset asset;
    CommandId entry;
    std::string entry_text;  ///< the entry's id as it was sent; empty where the event has no text
    Side side = Side::debit;
    Amount amount;
    Totals totals;
    Version version;
    RecordedAt recorded;
    std::uint16_t change = 0;  ///< position among the event's changes
};

/// A place between two rows of a statement: just after the row it names.
struct StatementPosition {
    Timestamp time;
    ShardId shard;
    EventNumber event;
    std::uint16_t change = 0;

    /// For callers who hand it out as an opaque cursor.
    std::string text() const;
    static std::optional<StatementPosition> parse(std::string_view text);
    friend auto operator<=>(const StatementPosition&, const StatementPosition&) = default;
};

/// A transit account has no id: its shard and number name it.
struct TransitAccount {
    ShardId shard;
    AccountNumber number;
};

struct StatementQuery {
    LedgerId ledger;
    /// Empty: all accounts of the ledger, transit accounts apart.
    std::optional<AccountId> account;
    std::optional<Timestamp> at;             ///< rows up to and including this time
    std::optional<StatementPosition> after;  ///< where the page before ended
    std::size_t rows_max = kStatementPageRows;
    std::optional<TransitAccount> transit{};  ///< instead of `account`
    /// No row before which another shard may still write one: for who follows the pages while
    /// the books are written.
    bool complete_only = false;

    static constexpr std::size_t kStatementPageRows = 1000;
};

struct StatementPage {
    std::vector<StatementRow> rows;         ///< oldest first: by time, shard, event, change
    std::optional<StatementPosition> next;  ///< for the next page; empty when this is the last
    /// Where it ends, for who asks again later; empty when nothing is before it.
    std::optional<StatementPosition> follow{};
    /// The time of the row that it ends before, because something may still come before that one.
    std::optional<Timestamp> withheld{};
};

}  // namespace vouch::projector
