#include "command-handler/core/hold_table.h"

#include <algorithm>

namespace vouch::command_handler {

const HoldState* HoldTable::find(const HoldKey& key) const {
    const auto place = holds_.find(key);
    return place == holds_.end() ? nullptr : &place->second;
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
    if (!before) return;
    holds_.emplace(key, *before);
    if (before->expires_at.value() != 0) due_.insert({before->expires_at, key});
}

void HoldTable::erase(const HoldKey& key) {
    const auto place = holds_.find(key);
    if (place == holds_.end()) return;
    if (place->second.expires_at.value() != 0) due_.erase({place->second.expires_at, key});
    holds_.erase(place);
}

std::optional<Due> HoldTable::next_due() const {
    if (due_.empty()) return std::nullopt;
    return *due_.begin();
}

std::vector<std::pair<HoldKey, HoldState>> HoldTable::sorted() const {
    std::vector<std::pair<HoldKey, HoldState>> all(holds_.begin(), holds_.end());
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    return all;
}

}  // namespace vouch::command_handler
