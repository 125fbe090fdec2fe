#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"

namespace vouch::places {

/// What a shard reads next, as its last record says. `corrupt` when brokers know that a later record
/// has read more, as a start finds, or when the last one cannot be read. A shard that a server writes
/// meanwhile is behind what is known of it for a moment, which is waited for.
Result<InputPosition> whole_position_of(LogReader& log, const Deployment& deployment,
                                        const EpochKeys& keys, ShardId shard);

}  // namespace vouch::places
