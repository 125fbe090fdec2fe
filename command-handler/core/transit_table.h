#pragma once

#include "events/money/ids.h"
#include "events/money/transit_key.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <optional>
#include <vector>

namespace vouch::command_handler {

struct TransitKeyHash {
    std::size_t operator()(const TransitKey& key) const noexcept {
        const std::uint64_t from = std::uint64_t{key.ledger.value()} << 32 | key.from.value();
        return keyed_hash(HashKey::of_process(), from, key.to.value(), key.asset.high(),
                          key.asset.low());
    }
};

/// The transit accounts of a shard, whose rows stand among the others: what money of one asset
/// passes through on its way from one shard to another. Each of the two shards has one; together
/// they hold what is under way. What passes adds up, so that one comes to its end: it then gets a
/// successor, and keeps what is under way on it. One thread.
class TransitTable {
public:
    /// The newest account of the key.
    std::optional<AccountNumber> find(const TransitKey& key) const;
    /// How many accounts the key has had.
    std::size_t count(const TransitKey& key) const;
    /// Empty for an ordinary account.
    std::optional<TransitKey> key_of(AccountNumber number) const;

    void add(const TransitKey& key, AccountNumber number);
    /// Only the newest of its key.
    void remove(AccountNumber number);

private:
    boost::unordered_flat_map<TransitKey, std::vector<AccountNumber>, TransitKeyHash> numbers_;
    boost::unordered_flat_map<std::uint32_t, TransitKey> keys_;
};

}  // namespace vouch::command_handler
