#include "command-handler/shard/fact_map.h"

#include "events/check.h"

#include <bit>
#include <cstring>
#include <utility>

namespace vouch::command_handler {

FactMap::FactMap(std::size_t facts) : slots_(std::bit_ceil(facts * 2)) { facts_.reserve(facts); }

std::size_t FactMap::slot_of(const FactKey& key, std::uint64_t hash) const {
    std::size_t at = hash & mask();
    for (; slots_[at] != 0; at = (at + 1) & mask()) {
        if ((slots_[at] >> 32) != (hash >> 32)) continue;
        if (facts_[static_cast<std::uint32_t>(slots_[at]) - 1].key == key) break;
    }
    return at;
}

std::optional<Locator> FactMap::find(const FactKey& key, std::uint64_t hash) const {
    const std::uint64_t slot = slots_[slot_of(key, hash)];
    if (slot == 0) return std::nullopt;
    return facts_[static_cast<std::uint32_t>(slot) - 1].locator;
}

void FactMap::put(const FactKey& key, std::uint64_t hash, const Locator& locator,
                  AddedFact& added) {
    added.hash = hash;
    if ((facts_.size() + 1) * 2 > slots_.size()) grow();
    const std::size_t at = slot_of(key, hash);
    if (slots_[at] != 0) {
        added.position = static_cast<std::uint32_t>(slots_[at]) - 1;
        added.before = std::exchange(facts_[added.position].locator, locator);
        return;
    }
    added.position = static_cast<std::uint32_t>(facts_.size());
    added.before.reset();
    facts_.push_back({key, locator});
    slots_[at] = (hash & 0xffff'ffff'0000'0000ULL) | facts_.size();
}

void FactMap::undo(const AddedFact& added) {
    VOUCH_ASSERT(added.position < facts_.size());
    if (added.before) {
        facts_[added.position].locator = *added.before;
        return;
    }
    VOUCH_ASSERT(added.position + 1 == facts_.size());
    const std::size_t at = slot_of(facts_.back().key, added.hash);
    VOUCH_ASSERT(static_cast<std::uint32_t>(slots_[at]) == facts_.size());
    facts_.pop_back();
    slots_[at] = 0;
}

void FactMap::insert(std::uint64_t hash, std::size_t position) {
    std::size_t at = hash & mask();
    while (slots_[at] != 0) at = (at + 1) & mask();
    slots_[at] = (hash & 0xffff'ffff'0000'0000ULL) | (position + 1);
}

// Facts go in again in the order in which they came, so that the newest is the last of its probe
// chain, and undoing it breaks no other chain.
void FactMap::grow() {
    slots_ = LargeArray<std::uint64_t>(slots_.size() * 2);
    for (std::size_t i = 0; i < facts_.size(); ++i) insert(fact_hash(facts_[i].key), i);
}

void FactMap::clear() {
    std::memset(slots_.begin(), 0, slots_.size() * sizeof(std::uint64_t));
    facts_.clear();
}

}  // namespace vouch::command_handler
