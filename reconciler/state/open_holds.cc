#include "reconciler/state/open_holds.h"

namespace vouch::reconciler {

const OpenHold* OpenHolds::find(const HoldKey& key) const {
    const auto place = holds_.find(key);
    return place == holds_.end() ? nullptr : &place->second;
}

void OpenHolds::put(const HoldKey& key, const OpenHold& hold) {
    erase(key);
    holds_.emplace(key, hold);
    if (hold.state.expires_at.value() > 0) due_.insert(Due{hold.state.expires_at, key});
}

void OpenHolds::erase(const HoldKey& key) {
    const auto place = holds_.find(key);
    if (place == holds_.end()) return;
    due_.erase(Due{place->second.state.expires_at, key});
    holds_.erase(place);
}

const HoldKey* OpenHolds::next_due(Timestamp time) const {
    if (due_.empty() || due_.begin()->expires_at > time) return nullptr;
    return &due_.begin()->key;
}

}  // namespace vouch::reconciler
