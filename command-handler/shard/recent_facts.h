#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "command-handler/core/large_array.h"
#include "command-handler/shard/locator.h"

namespace vouch::command_handler {

/// Facts by key, in memory: open addressing, a cache line a fact. One thread.
class FactMap {
public:
    explicit FactMap(std::size_t facts = kFactsAtStart);

    std::optional<Locator> find(const FactKey& key, std::uint64_t hash) const;
    /// Sets the key's locator and returns the one it had.
    std::optional<Locator> put(const FactKey& key, std::uint64_t hash, const Locator& locator, std::uint64_t seed);
    /// Takes the newest `put` that is still there back. Only in reverse order.
    void undo(const FactKey& key, std::uint64_t hash, const std::optional<Locator>& before);
    void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[hash & (slots_.size() - 1)], 1); }

    std::size_t size() const { return size_; }
    /// Empties it and keeps its memory.
    void clear();

private:
    static constexpr std::size_t kFactsAtStart = 3072;

    struct alignas(64) Slot {
        FactKey key;
        Locator locator;
        std::uint32_t order_plus_one;  ///< of insertion, so that growing keeps it; 0: empty

        bool is_used() const { return order_plus_one != 0; }
    };

    Slot& slot_for(const FactKey& key, std::uint64_t hash);
    void grow(std::uint64_t seed);

    /// Three quarters full at most.
    bool is_full() const { return (size_ + 1) * 4 > slots_.size() * 3; }

    LargeArray<Slot> slots_;
    std::size_t size_ = 0;
};

}  // namespace vouch::command_handler
