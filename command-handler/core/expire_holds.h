#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/core/shard_state.h"

namespace vouch::command_handler {

/// Expires the open holds that are due at `time`, in order. False when the record is full and some
/// are left: they come first in the next record, before any command.
bool expire_holds(ShardState& state, Timestamp time, EventSink& sink);

}  // namespace vouch::command_handler
