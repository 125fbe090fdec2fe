#pragma once

#include "events/money/ids.h"
#include "events/result.h"

#include <cstdint>
#include <string>

namespace vouch::command_handler {

/// How far a fault reaches.
enum class FaultScope : std::uint8_t {
    shard,  ///< one shard has stopped, the others go on
    log,    ///< nothing goes on: the log has failed or is another writer's, or no shard is left
};

/// A shard that decides nothing until the handler is started again, and why.
struct StoppedShard {
    ShardId shard;
    Fault fault;
};

/// A shard whose records another one cannot read: until the handler is started again none of its
/// steps are taken there, and nothing that crosses between the two ends. Both go on with all else.
struct HeldBack {
    ShardId sender;
    ShardId by;
    Fault fault;

    std::string text() const;
    /// For whoever needs both: as if the sender had stopped.
    StoppedShard as_stop() const { return {sender, {fault.code, text()}}; }
};

}  // namespace vouch::command_handler
