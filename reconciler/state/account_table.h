#pragma once

#include "events/entries/event.h"
#include "events/money/account.h"
#include "events/money/asset.h"
#include "events/money/ids.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace vouch::reconciler {

/// An account as the log makes it, folded here event by event.
struct Account {
    Totals totals;
    Limit limit;
    AccountId id;
    Asset asset;
    Version version;
    LedgerId ledger;
    /// The generation (ReplayedBooks) in which this row was last known. An older one means that a
    /// broken record may have changed it.
    std::uint32_t generation = 0;
    AccountState state;
    AccountClass account_class = AccountClass::asset;
    bool is_known = false;  ///< false: opened in a record that could not be read
    /// False: opened in a record that is not authentic, so that what it is stays in doubt for ever.
    bool is_opening_believed = false;
    /// A transit account, which has no id: value goes from `from` to `to`.
    bool is_transit = false;
    ShardId from;
    ShardId to;

    Side normal() const { return normal_side(account_class); }
};

/// A shard's accounts by number, and their numbers by (ledger, id), which transit accounts have
/// not. One thread.
///
/// Memory: about 180 bytes an account, the one part of a replay that grows with the books.
class AccountTable {
public:
    /// Accounts that a broken record may have opened: numbers beyond the end by more are not
    /// believed.
    static constexpr std::uint32_t kGapMax = 65'536;

    std::uint32_t size() const { return static_cast<std::uint32_t>(accounts_.size()); }
    const Account& at(AccountNumber number) const { return accounts_[number.value()]; }
    Account& at(AccountNumber number) { return accounts_[number.value()]; }
    /// Null when there is none of that number, or it is not known.
    const Account* known(AccountNumber number) const;
    std::optional<AccountNumber> find(LedgerId ledger, AccountId id) const;

    /// Puts an account at `number`, which is at most size() + kGapMax; numbers between are not
    /// known.
    void put(AccountNumber number, const Account& account);
    void prefetch(AccountNumber number) const {
        if (number.value() < accounts_.size()) {
            const char* row = reinterpret_cast<const char*>(accounts_.data() + number.value());
            __builtin_prefetch(row, 1);
            __builtin_prefetch(row + 64, 1);
            __builtin_prefetch(row + 128, 1);
        }
    }

    /// Known accounts' numbers by (ledger, id), without transit accounts.
    std::vector<AccountNumber> in_id_order() const;

private:
    std::size_t slot_of(LedgerId ledger, AccountId id) const;
    void grow_slots();

    std::vector<Account> accounts_;
    std::vector<std::uint32_t> slots_;  // number + 1, open addressing; 0 is free
    std::size_t used_ = 0;
};

}  // namespace vouch::reconciler
