#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "command-handler/shard/locator.h"

namespace vouch::command_handler {

/// Facts by key, in memory: open addressing, a cache line a fact. One thread.
class FactMap {
public:
    FactMap() : slots_(kSlotsAtStart) {}

    std::optional<Locator> find(const FactKey& key, std::uint64_t hash) const;
    /// Sets the key's locator and returns the one it had.
    std::optional<Locator> put(const FactKey& key, std::uint64_t hash, const Locator& locator, std::uint64_t seed);
    /// Takes the newest `put` that is still there back. Only in reverse order.
    void undo(const FactKey& key, std::uint64_t hash, const std::optional<Locator>& before);
    void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[hash & (slots_.size() - 1)], 1); }

    std::size_t size() const { return size_; }
    void clear();

private:
    static constexpr std::size_t kSlotsAtStart = 4096;

    struct alignas(64) Slot {
        FactKey key;
        Locator locator;
        bool used = false;
        std::uint32_t order = 0;  ///< of insertion, so that growing keeps it
    };

    Slot& slot_for(const FactKey& key, std::uint64_t hash);
    void grow(std::uint64_t seed);

    std::vector<Slot> slots_;
    std::size_t size_ = 0;
};

}  // namespace vouch::command_handler
