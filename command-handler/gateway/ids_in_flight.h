#pragma once

#include "events/money/ids.h"
#include "events/money/keyed_hash.h"
#include "events/world/mutex.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace vouch::command_handler {

/// The ids of commands on their way to a shard, which no shard has seen yet: so that two streams
/// cannot send one id to two shards at once. Any thread. Bounded by what the streams have in
/// flight.
class IdsInFlight {
public:
    /// The other shard that the id is on its way to, and nothing has happened; empty when there is
    /// none.
    std::optional<ShardId> claim(LedgerId ledger, CommandId id, ShardId shard);
    /// Whether somebody has claimed it, for whichever shard.
    bool is_claimed(LedgerId ledger, CommandId id);
    /// Once for each claim.
    void release(LedgerId ledger, CommandId id);

private:
    struct Key {
        LedgerId ledger;
        CommandId id;
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const noexcept {
            return keyed_hash(HashKey::of_process(), key.ledger.value(), key.id.high(),
                              key.id.low());
        }
    };
    struct Claims {
        ShardId shard;
        std::size_t count = 0;
    };
    /// Few threads meet in one of them.
    static constexpr std::size_t kStripes = 64;
    struct alignas(64) Stripe {
        Mutex mutex;
        boost::unordered_flat_map<Key, Claims, KeyHash> claims;
    };
    Stripe& stripe_of(const Key& key) { return stripes_[KeyHash()(key) % kStripes]; }

    std::array<Stripe, kStripes> stripes_;
};

}  // namespace vouch::command_handler
