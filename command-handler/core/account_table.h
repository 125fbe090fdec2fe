#pragma once

#include "command-handler/core/large_array.h"
#include "events/entries/event.h"
#include "events/money/account.h"
#include "events/money/ids.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace vouch::command_handler {

/// What commands change of an account.
struct AccountStanding {
    Totals totals;
    Amount limit_below_zero;
    Version version;
    Block block = Block::none;
    bool closed = false;
    bool unlimited = false;

    Limit limit() const { return unlimited ? Limit::unlimited() : Limit(limit_below_zero); }
};

/// An account in memory: two cache lines, totals alone in the first.
struct alignas(64) AccountRow {
    AccountStanding standing;
    AccountId id;
    LedgerId ledger;
    std::uint32_t asset_index = 0;
    AccountClass account_class = AccountClass::asset;
    /// Commands in transit that the account could get money back from (CrossingTable::unanswered).
    std::uint32_t crossings = 0;

    Side normal() const { return normal_side(account_class); }
};
static_assert(sizeof(AccountRow) == 128);

/// The accounts of a shard: rows by dense number, and an index from (ledger, id) to number.
/// One thread. Rows stay where they are while the table grows.
class AccountTable {
public:
    AccountTable();

    std::size_t size() const { return size_; }
    /// The number of the next account to be opened.
    AccountNumber next() const { return AccountNumber(static_cast<std::uint32_t>(size_)); }

    AccountRow& row(AccountNumber number) {
        return blocks_[number.value() >> kBlockBits][number.value() & kBlockMask];
    }
    const AccountRow& row(AccountNumber number) const {
        return blocks_[number.value() >> kBlockBits][number.value() & kBlockMask];
    }

    /// The account's number, or kNone.
    std::uint32_t find(LedgerId ledger, AccountId id) const {
        const std::uint32_t near = near_[near_slot(id)];
        if (near >= size_) return find_far(ledger, id);
        const AccountRow& candidate = row(AccountNumber(near));
        const bool is_it = candidate.id == id && candidate.ledger == ledger;
        return is_it ? near : find_far(ledger, id);
    }
    static constexpr std::uint32_t kNone = 0xffff'ffff;

    /// Brings the index's line for an account nearer; then, a little later, its row's lines, which
    /// `find` then finds without the index.
    void prefetch_index(LedgerId ledger, AccountId id) const;
    void prefetch_row(LedgerId ledger, AccountId id) const;

    /// Appends a row; its number was `next` before. The id must be new; a row without id (a
    /// transit account's) is found by its number alone.
    AccountNumber append(const AccountRow& row);
    /// Takes the newest row away again.
    void remove_last();

    Asset asset(const AccountRow& row) const { return assets_[row.asset_index]; }
    /// The index of an asset, which is added if it is new.
    std::uint32_t intern(Asset asset);

    /// For statistics: bytes held.
    std::size_t bytes() const;

private:
    static constexpr std::size_t kBlockBits = 14;  // 16,384 rows of 128 bytes are a huge page
    static constexpr std::size_t kBlockMask = (std::size_t{1} << kBlockBits) - 1;

    static constexpr std::size_t kNear = 256;
    static std::size_t near_slot(AccountId id) {
        return ((id.high() ^ id.low()) * 0x9e3779b97f4a7c15ULL) >> 56;
    }

    std::uint32_t find_far(LedgerId ledger, AccountId id) const;

    // A slot is 0 when empty, else the upper half of the hash above the number + 1.
    void insert(const AccountRow& row, std::uint32_t number);
    void grow();

    std::vector<LargeArray<AccountRow>> blocks_;
    std::size_t size_ = 0;
    LargeArray<std::uint64_t> slots_;
    std::uint64_t mask_ = 0;
    /// Where rows may be that were brought nearer, or kNone: looked at, never believed.
    mutable std::array<std::uint32_t, kNear> near_;
    std::vector<Asset> assets_;
    std::map<Asset, std::uint32_t> asset_indices_;
};

}  // namespace vouch::command_handler
