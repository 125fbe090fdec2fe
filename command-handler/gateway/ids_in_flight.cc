#include "command-handler/gateway/ids_in_flight.h"

#include "events/check.h"

namespace vouch::command_handler {

std::optional<ShardId> IdsInFlight::claim(LedgerId ledger, CommandId id, ShardId shard) {
    const Key key{ledger, id};
    Stripe& stripe = stripe_of(key);
    const std::lock_guard lock(stripe.mutex);
    Claims& claims = stripe.claims.try_emplace(key, Claims{shard}).first->second;
    if (claims.shard != shard) return claims.shard;
    ++claims.count;
    return std::nullopt;
}

bool IdsInFlight::is_claimed(LedgerId ledger, CommandId id) {
    const Key key{ledger, id};
    Stripe& stripe = stripe_of(key);
    const std::lock_guard lock(stripe.mutex);
    return stripe.claims.contains(key);
}

void IdsInFlight::release(LedgerId ledger, CommandId id) {
    const Key key{ledger, id};
    Stripe& stripe = stripe_of(key);
    const std::lock_guard lock(stripe.mutex);
    const auto found = stripe.claims.find(key);
    VOUCH_ASSERT(found != stripe.claims.end());
    if (--found->second.count == 0) stripe.claims.erase(found);
}

}  // namespace vouch::command_handler
