#pragma once

#include "command-handler/core/large_array.h"
#include "command-handler/shard/locator.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vouch::command_handler {

/// A fact that was put, and what it replaced: how to take it back.
struct AddedFact {
    std::uint64_t hash = 0;
    std::uint32_t position = 0;  ///< among the map's facts
    std::optional<Locator> before;
};

/// Facts by key, in memory: the facts one after another in the order they came, and a small index
/// into them, so that adding one touches one cache line of the index and the end of the facts.
/// Every `hash` is the key's fact_hash. One thread.
class FactMap {
public:
    /// `facts`: as many fit before it grows.
    explicit FactMap(std::size_t facts = kFactsAtStart);

    std::optional<Locator> find(const FactKey& key, std::uint64_t hash) const;
    /// Sets the key's locator; `added` is then how to take that back.
    void put(const FactKey& key, std::uint64_t hash, const Locator& locator, AddedFact& added);
    /// Takes the newest `put` that is still there back. Only in reverse order.
    void undo(const AddedFact& added);
    void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[hash & mask()], 1); }

    /// Each key once, in the order in which they came.
    const std::vector<FactEntry>& facts() const { return facts_; }
    std::size_t size() const { return facts_.size(); }
    /// Empties it and keeps its memory.
    void clear();

private:
    static constexpr std::size_t kFactsAtStart = 2048;

    // A slot is 0 when empty, else the upper half of the hash above the fact's position + 1.
    std::size_t mask() const { return slots_.size() - 1; }
    /// The slot of the key, or the empty one where it belongs.
    std::size_t slot_of(const FactKey& key, std::uint64_t hash) const;
    void insert(std::uint64_t hash, std::size_t position);
    void grow();

    LargeArray<std::uint64_t> slots_;  // at most half full
    std::vector<FactEntry> facts_;
};

}  // namespace vouch::command_handler
