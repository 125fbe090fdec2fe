#include "reconciler/state/crossings.h"

namespace vouch::reconciler {

ReplayedTransit* Crossings::find_transit(const TransitKey& key) {
    const auto place = transits_.find(key);
    return place == transits_.end() ? nullptr : &place->second;
}

const ReplayedTransit* Crossings::find_transit(const TransitKey& key) const {
    const auto place = transits_.find(key);
    return place == transits_.end() ? nullptr : &place->second;
}

void Crossings::open_transit(const TransitKey& key, AccountNumber account) {
    transits_[key].accounts.push_back(account);
}

ReplayedCrossing* Crossings::find(const Key& key) {
    const auto place = crossings_.find(key);
    return place == crossings_.end() ? nullptr : &place->second;
}

void Crossings::put(const Key& key, const ReplayedCrossing& crossing) {
    erase(key);
    crossings_.emplace(key, crossing);
    if (!crossing.hold.is_zero()) ++awaited_holds_[{key.ledger, crossing.hold}].count;
    if (!crossing.is_unanswered_debit) return;
    Unanswered& unanswered = unanswered_[crossing.payer];
    unanswered.sum.add(crossing.amount);
    ++unanswered.count;
}

void Crossings::erase(const Key& key) {
    const auto place = crossings_.find(key);
    if (place == crossings_.end()) return;
    const ReplayedCrossing& crossing = place->second;
    if (crossing.is_unanswered_debit) {
        const auto payer = unanswered_.find(crossing.payer);
        if (--payer->second.count == 0) {
            unanswered_.erase(payer);
        } else {
            payer->second.sum = payer->second.sum.minus(WideSum(crossing.amount));
        }
    }
    if (!crossing.hold.is_zero()) {
        const auto hold = awaited_holds_.find({key.ledger, crossing.hold});
        if (--hold->second.count == 0) awaited_holds_.erase(hold);
    }
    crossings_.erase(place);
}

const HoldState* Crossings::ended_hold(const Key& hold) const {
    const auto place = awaited_holds_.find(hold);
    return place != awaited_holds_.end() && place->second.ended ? &*place->second.ended : nullptr;
}

void Crossings::hold_ended(const Key& hold, const HoldState& state) {
    const auto place = awaited_holds_.find(hold);
    if (place != awaited_holds_.end()) place->second.ended = state;
}

const OpenHold* Crossings::find_followed(ShardId from, const Key& key) const {
    const auto holds = followed_.find(from);
    return holds == followed_.end() ? nullptr : holds->second.find(key);
}

WideSum Crossings::unanswered(AccountNumber account) const {
    const auto place = unanswered_.find(account);
    return place == unanswered_.end() ? WideSum() : place->second.sum;
}

}  // namespace vouch::reconciler
