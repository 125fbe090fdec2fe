#pragma once

#include "events/money/asset.h"
#include "events/money/wide_sum.h"

#include <optional>

namespace vouch::projector {

/// Totals of all accounts of one asset: the same on any number of shards. What stands between
/// shards is told apart.
struct TrialBalanceLine {
    Asset asset;
    /// Without transit accounts, and without what was `returned`.
    WideSum debits_posted, credits_posted, debits_held, credits_held;
    /// What was posted on transit accounts. Credits beyond debits are on their way between shards;
    /// debits beyond credits, when the view of a shard that sent is behind one that took, which a
    /// settled answer never shows: more was taken then than was ever sent.
    WideSum transit_debits, transit_credits;
    /// Left for another shard, was refused there and came back. It stands on both sides of the
    /// accounts that had sent it, though nothing moved.
    WideSum returned;
    bool is_even_on_each_shard = true;
    std::optional<bool> settled{};  ///< as in a balance
    /// Held sums may differ: a hold without payee reserves room on no account.
    bool is_even() const {
        const bool has_taken_more = settled == true && transit_debits > transit_credits;
        return is_even_on_each_shard && !has_taken_more &&
               debits_posted.plus(transit_debits) == credits_posted.plus(transit_credits);
    }
};

}  // namespace vouch::projector
