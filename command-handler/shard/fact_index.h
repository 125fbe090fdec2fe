#pragma once

#include "command-handler/shard/fact_map.h"
#include "command-handler/shard/locator.h"
#include "command-handler/shard/recent_facts.h"
#include "command-handler/shard/seen_filter.h"
#include "command-handler/shard/shard_store.h"
#include "events/result.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace vouch::command_handler {

/// Where the event of each fact stands: a filter over all facts, the recent ones in memory, the
/// others in the shard store. The shard's thread, but for `may_know`.
class FactIndex {
public:
    /// The store outlives it. `generation_facts`: as many are handed to it at a time.
    FactIndex(ShardStore& store, std::size_t generation_facts)
        : store_(store),
          filter_(std::min(SeenFilter::kFirstLayerFacts, generation_facts * kFilterGenerations)),
          recent_(store, generation_facts) {}

    /// Empty for a fact that is not known; a fault of the store.
    Result<std::optional<Locator>> find(const FactKey& key);
    /// Makes a fact known that is of the record being built; `added` is then how to take it back.
    void put(const FactKey& key, const Locator& locator, AddedFact& added);
    /// Of a fact that the store holds, while starting.
    void note_stored(const FactKey& key) { filter_.insert(fact_hash(key)); }

    /// The filter alone, to be prefetched over a batch. `hash` is the key's fact_hash.
    void prefetch(std::uint64_t hash) const {
        filter_.prefetch(hash);
        recent_.prefetch(hash);
    }
    bool may_know(std::uint64_t hash) const { return filter_.may_contain(hash); }
    /// Any thread: whoever was told of something that made the fact known finds it here.
    bool may_know(const FactKey& key) const { return filter_.may_contain(fact_hash(key)); }

    RecentFacts& recent() { return recent_; }

private:
    /// The filter has room for so many before it grows: of the program's, for all that it begins
    /// with.
    static constexpr std::size_t kFilterGenerations = 89;

    ShardStore& store_;
    SeenFilter filter_;
    RecentFacts recent_;
};

}  // namespace vouch::command_handler
