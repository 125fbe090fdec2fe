#pragma once

#include "command-handler/core/shard_state.h"
#include "command-handler/shard/chain_head.h"
#include "command-handler/shard/fact_index.h"
#include "command-handler/shard/past_events.h"
#include "command-handler/shard/shard_environment.h"
#include "command-handler/shard/shard_facts.h"
#include "command-handler/shard/shard_store.h"
#include "command-handler/shard/step_peers.h"
#include "events/log/verified_reader.h"

#include <memory>

namespace vouch::command_handler {

/// What a shard knows, all of it derived from its own records, the ones in flight counted: with a
/// record that is taken back all of it goes back together. One thread.
struct ShardBooks {
    explicit ShardBooks(const ShardEnvironment& with)
        : state(with.shard, with.deployment.shards),
          peers(with.deployment.shards),
          past(with.log, with.deployment, with.shard, with.keys),
          events(past) {}

    ShardState state;
    ChainHead head;  ///< where the next record goes on
    StepPeers peers;
    VerifiedReader past;
    PastEvents events;  ///< over `past` and the records in flight
    // Null until the store is open; never again.
    std::unique_ptr<ShardStore> store;
    std::unique_ptr<FactIndex> index;
    std::unique_ptr<ShardFacts> facts;
};

}  // namespace vouch::command_handler
