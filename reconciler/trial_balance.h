#pragma once

#include "events/money/account.h"
#include "events/money/asset.h"
#include "events/money/number.h"
#include "reconciler/wide_sum.h"

#include <string>
#include <vector>

namespace vouch::reconciler {

/// The sums over all accounts of one asset in one ledger.
struct TrialLine {
    LedgerId ledger;
    Asset asset;
    WideSum debits_posted;
    WideSum credits_posted;
    WideSum debits_held;
    WideSum credits_held;
    /// What is held on a payer by holds that have no payee yet: the debits held that have no
    /// counterpart among the credits held.
    WideSum held_without_payee;
    /// Of all these, what stands on transit accounts: credits where value leaves for another shard,
    /// debits where it has come from one.
    WideSum transit_debits_posted;
    WideSum transit_credits_posted;
    WideSum transit_debits_held;
    WideSum transit_credits_held;

    /// Posted on its way between shards: what left, less what came back and what arrived.
    WideSum in_transit() const;
    bool has_transit() const {
        return transit_credits_posted != WideSum() || transit_credits_held != WideSum() ||
               transit_debits_posted != WideSum() || transit_debits_held != WideSum();
    }
    /// Posted debits are posted credits; held debits are held credits and what has no payee.
    bool is_even() const;
};

/// Sums by (ledger, asset), in that order. One thread.
class TrialBalance {
public:
    void add(LedgerId ledger, Asset asset, const Totals& totals);
    /// Of a transit account, once more beside `add`.
    void add_transit(LedgerId ledger, Asset asset, const Totals& totals);
    void add_without_payee(LedgerId ledger, Asset asset, Amount remaining);
    void add(const TrialBalance& other);

    const std::vector<TrialLine>& lines() const { return lines_; }
    bool is_even() const;

private:
    TrialLine& line(LedgerId ledger, Asset asset);

    std::vector<TrialLine> lines_;  // sorted; a deployment has few assets
    std::size_t last_ = 0;
};

}  // namespace vouch::reconciler
