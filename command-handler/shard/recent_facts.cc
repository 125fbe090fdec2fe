#include "command-handler/shard/recent_facts.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "events/check.h"

namespace vouch::command_handler {

FactMap::FactMap(std::size_t facts) : slots_(std::bit_ceil(facts * 4 / 3)) {}

std::optional<Locator> FactMap::find(const FactKey& key, std::uint64_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash & mask; slots_[at].is_used(); at = (at + 1) & mask) {
        if (slots_[at].key == key) return slots_[at].locator;
    }
    return std::nullopt;
}

FactMap::Slot& FactMap::slot_for(const FactKey& key, std::uint64_t hash) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    while (slots_[at].is_used() && slots_[at].key != key) at = (at + 1) & mask;
    return slots_[at];
}

std::optional<Locator> FactMap::put(const FactKey& key, std::uint64_t hash, const Locator& locator,
                                    std::uint64_t seed) {
    if (is_full()) grow(seed);
    Slot& slot = slot_for(key, hash);
    if (slot.is_used()) {
        const Locator before = slot.locator;
        slot.locator = locator;
        return before;
    }
    ++size_;
    slot.key = key;
    slot.locator = locator;
    slot.order_plus_one = static_cast<std::uint32_t>(size_);
    return std::nullopt;
}

void FactMap::undo(const FactKey& key, std::uint64_t hash, const std::optional<Locator>& before) {
    Slot& slot = slot_for(key, hash);
    VOUCH_ASSERT(slot.is_used());
    if (before) {
        slot.locator = *before;
        return;
    }
    slot.order_plus_one = 0;
    --size_;
}

// Facts go in again in the order in which they came, so that the newest is the last of its probe
// chain, and undoing it breaks no other chain.
void FactMap::grow(std::uint64_t seed) {
    LargeArray<Slot> old(slots_.size() * 2);
    std::swap(old, slots_);
    std::vector<std::uint32_t> by_order(size_);
    for (std::uint32_t at = 0; at < old.size(); ++at) {
        if (old[at].is_used()) by_order[old[at].order_plus_one - 1] = at;
    }
    for (const std::uint32_t at : by_order) slot_for(old[at].key, fact_hash(old[at].key, seed)) = old[at];
}

void FactMap::clear() {
    for (Slot& slot : slots_) slot.order_plus_one = 0;
    size_ = 0;
}

}  // namespace vouch::command_handler
