#include "reconciler/verdict/trial_balance.h"

#include <algorithm>
#include <tuple>

namespace vouch::reconciler {

namespace {

/// Zero instead of less.
WideSum rest_of(const WideSum& a, const WideSum& b) { return a < b ? WideSum() : a.minus(b); }

}  // namespace

bool TrialLine::is_even() const {
    const WideSum held = credits_held.plus(held_without_payee).plus(transit_credits_held);
    return debits_posted.plus(transit_debits_posted) ==
               credits_posted.plus(transit_credits_posted) &&
           debits_held.plus(transit_debits_held) == held;
}

WideSum TrialLine::debits_moved() const { return rest_of(debits_posted, returned); }

WideSum TrialLine::credits_moved() const { return rest_of(credits_posted, returned); }

std::string TrialLine::in_transit_text() const {
    if (transit_credits_posted >= transit_debits_posted)
        return to_text(transit_credits_posted.minus(transit_debits_posted), asset.scale());
    return "-" + to_text(transit_debits_posted.minus(transit_credits_posted), asset.scale());
}

TrialLine& TrialBalance::line(LedgerId ledger, Asset asset) {
    // Accounts of one asset come in long runs.
    if (last_ < lines_.size() && lines_[last_].ledger == ledger && lines_[last_].asset == asset) {
        return lines_[last_];
    }
    const auto before = [](const TrialLine& a, const std::tuple<LedgerId, Asset>& key) {
        return std::tie(a.ledger, a.asset) < key;
    };
    const auto place =
        std::lower_bound(lines_.begin(), lines_.end(), std::tuple(ledger, asset), before);
    last_ = static_cast<std::size_t>(place - lines_.begin());
    if (place == lines_.end() || place->ledger != ledger || place->asset != asset) {
        TrialLine fresh;
        fresh.ledger = ledger;
        fresh.asset = asset;
        lines_.insert(place, fresh);
    }
    return lines_[last_];
}

void TrialBalance::add(LedgerId ledger, Asset asset, const Totals& totals) {
    TrialLine& sums = line(ledger, asset);
    sums.debits_posted.add(totals.debits_posted);
    sums.credits_posted.add(totals.credits_posted);
    sums.debits_held.add(totals.debits_held);
    sums.credits_held.add(totals.credits_held);
}

void TrialBalance::add_transit(LedgerId ledger, Asset asset, const Totals& totals) {
    TrialLine& sums = line(ledger, asset);
    sums.transit_debits_posted.add(totals.debits_posted);
    sums.transit_credits_posted.add(totals.credits_posted);
    sums.transit_debits_held.add(totals.debits_held);
    sums.transit_credits_held.add(totals.credits_held);
}

void TrialBalance::add_returned(LedgerId ledger, Asset asset, Amount returned) {
    line(ledger, asset).returned.add(returned);
}

void TrialBalance::add_without_payee(LedgerId ledger, Asset asset, Amount remaining) {
    line(ledger, asset).held_without_payee.add(remaining);
}

void TrialBalance::add(const TrialBalance& other) {
    for (const TrialLine& theirs : other.lines_) {
        TrialLine& sums = line(theirs.ledger, theirs.asset);
        sums.debits_posted.add(theirs.debits_posted);
        sums.credits_posted.add(theirs.credits_posted);
        sums.debits_held.add(theirs.debits_held);
        sums.credits_held.add(theirs.credits_held);
        sums.held_without_payee.add(theirs.held_without_payee);
        sums.returned.add(theirs.returned);
        sums.transit_debits_posted.add(theirs.transit_debits_posted);
        sums.transit_credits_posted.add(theirs.transit_credits_posted);
        sums.transit_debits_held.add(theirs.transit_debits_held);
        sums.transit_credits_held.add(theirs.transit_credits_held);
    }
}

bool TrialBalance::is_even() const {
    return std::ranges::all_of(lines_, [](const TrialLine& sums) { return sums.is_even(); });
}

}  // namespace vouch::reconciler
