#include "command-handler/shard/fact_index.h"

namespace vouch::command_handler {

Result<std::optional<Locator>> FactIndex::find(const FactKey& key) {
    const std::uint64_t hash = fact_hash(key);
    if (!filter_.may_contain(hash)) return std::optional<Locator>();
    if (const std::optional<Locator> found = recent_.find(key, hash)) return found;
    return store_.find(key);
}

void FactIndex::put(const FactKey& key, const Locator& locator, AddedFact& added) {
    const std::uint64_t hash = fact_hash(key);
    filter_.insert(hash);
    recent_.put(key, hash, locator, added);
}

}  // namespace vouch::command_handler
