#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"

#include <vector>

namespace vouch::places {

/// What each shard reads next, as its last record says. `corrupt` when brokers know that a later
/// record has read more, as a start finds, or when the last one cannot be read. Shards that a
/// server writes meanwhile are behind what is known of them for a moment, which is waited for: 2 s,
/// for all together.
std::vector<Result<InputPosition>> whole_positions(LogReader& log, const Deployment& deployment,
                                                   const EpochKeys& keys);

}  // namespace vouch::places
