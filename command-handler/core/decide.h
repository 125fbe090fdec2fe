#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/core/shard_state.h"
#include "events/entries/arena.h"
#include "events/entries/event.h"

namespace vouch::command_handler {

struct Departure;

/// Decides one command that was not seen before and is no group: fills every field of `decided` but
/// its command and group. Returns what leaves when it crosses (across_shards.h), which only one
/// that may does; else null. From `arena`.
const Departure* decide(const ShardState& state, FactSource& facts, CommandDecided& decided,
                        Timestamp time, Arena& arena, bool may_cross);

}  // namespace vouch::command_handler
