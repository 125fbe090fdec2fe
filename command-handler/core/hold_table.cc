#include "command-handler/core/hold_table.h"

#include "events/check.h"

#include <algorithm>

namespace vouch::command_handler {

const HoldState* HoldTable::find(const HoldKey& key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? nullptr : &slots_[found->second].hold;
}

std::optional<HoldState> HoldTable::put(LedgerId ledger, const HoldState& hold) {
    const HoldKey key{ledger, hold.id};
    const HoldState* present = find(key);
    const std::optional<HoldState> before =
        present ? std::optional<HoldState>(*present) : std::nullopt;
    restore(key, hold.status == HoldStatus::open ? std::optional<HoldState>(hold) : std::nullopt);
    return before;
}

void HoldTable::restore(const HoldKey& key, const std::optional<HoldState>& before) {
    erase(key);
    if (before) add(key, *before);
}

void HoldTable::add(const HoldKey& key, const HoldState& hold) {
    VOUCH_ASSERT(hold.status == HoldStatus::open);
    if (spare_.empty()) {
        spare_.push_back(places_end());
        slots_.emplace_back();
    }
    const Place place = spare_.back();
    spare_.pop_back();
    slots_[place] = {key.ledger, hold};
    places_.emplace(key, place);
    if (hold.expires_at.value() != 0) due_.insert({hold.expires_at, key});
}

void HoldTable::erase(const HoldKey& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return;
    HoldState& hold = slots_[found->second].hold;
    if (hold.expires_at.value() != 0) due_.erase({hold.expires_at, key});
    hold.status = HoldStatus::released;
    spare_.push_back(found->second);
    places_.erase(found);
}

const HoldTable::Placed* HoldTable::at(Place place) const {
    const Placed& placed = slots_[place];
    return placed.hold.status == HoldStatus::open ? &placed : nullptr;
}

std::optional<Due> HoldTable::next_due() const {
    if (due_.empty()) return std::nullopt;
    return *due_.begin();
}

std::vector<std::pair<HoldKey, HoldState>> HoldTable::sorted() const {
    std::vector<std::pair<HoldKey, HoldState>> all;
    all.reserve(size());
    for (const auto& [key, place] : places_) all.emplace_back(key, slots_[place].hold);
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    return all;
}

}  // namespace vouch::command_handler
