#pragma once

#include "events/money/account.h"
#include "events/money/asset.h"
#include "events/money/number.h"
#include "events/money/wide_sum.h"

#include <string>
#include <vector>

namespace vouch::reconciler {

/// The sums over all accounts of one asset in one ledger, transit accounts apart.
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
    /// Of what is posted, on both sides of its payers: it left for another shard, was refused there
    /// and came back. Over one shard it would never have been posted.
    WideSum returned;
    /// What stands on transit accounts: credits where value leaves for another shard, debits where
    /// it has come from one.
    WideSum transit_debits_posted;
    WideSum transit_credits_posted;
    WideSum transit_debits_held;
    WideSum transit_credits_held;

    /// Posted, without what came back: the same on any number of shards. Zero when more came back
    /// than was posted, which other findings tell.
    WideSum debits_moved() const;
    WideSum credits_moved() const;
    /// Posted on its way between shards: what left, less what came back and what arrived. Below
    /// zero, "-12.34", where more is read of a shard that took than of the one that sent.
    std::string in_transit_text() const;
    bool has_transit() const {
        return transit_credits_posted != WideSum() || transit_credits_held != WideSum() ||
               transit_debits_posted != WideSum() || transit_debits_held != WideSum();
    }
    /// With transit accounts, posted debits are posted credits; held debits are held credits and
    /// what has no payee.
    bool is_even() const;
};

/// Sums by (ledger, asset), in that order. One thread.
class TrialBalance {
public:
    void add(LedgerId ledger, Asset asset, const Totals& totals);
    /// Of a transit account, instead.
    void add_transit(LedgerId ledger, Asset asset, const Totals& totals);
    void add_returned(LedgerId ledger, Asset asset, Amount returned);
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
