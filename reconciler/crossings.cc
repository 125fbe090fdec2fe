#include "reconciler/crossings.h"

namespace vouch::reconciler {

Transit* Crossings::find_transit(const TransitKey& key) {
    const auto place = transits_.find(key);
    return place == transits_.end() ? nullptr : &place->second;
}

const Transit* Crossings::find_transit(const TransitKey& key) const {
    const auto place = transits_.find(key);
    return place == transits_.end() ? nullptr : &place->second;
}

void Crossings::open_transit(const TransitKey& key, AccountNumber account) {
    transits_[key].account = account;
}

Crossing* Crossings::find(const Key& key) {
    const auto place = crossings_.find(key);
    return place == crossings_.end() ? nullptr : &place->second;
}

void Crossings::put(const Key& key, const Crossing& crossing) {
    erase(key);
    crossings_.emplace(key, crossing);
    if (!crossing.is_unanswered_debit) return;
    Unanswered& unanswered = unanswered_[crossing.payer];
    unanswered.sum.add(crossing.amount);
    ++unanswered.count;
}

void Crossings::erase(const Key& key) {
    const auto place = crossings_.find(key);
    if (place == crossings_.end()) return;
    const Crossing& crossing = place->second;
    if (crossing.is_unanswered_debit) {
        const auto payer = unanswered_.find(crossing.payer);
        if (--payer->second.count == 0) {
            unanswered_.erase(payer);
        } else {
            payer->second.sum.subtract(WideSum(crossing.amount));
        }
    }
    crossings_.erase(place);
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
