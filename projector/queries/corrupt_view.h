#pragma once

#include "events/money/ids.h"
#include "events/result.h"

#include <string>

namespace vouch::projector {

inline Fault corrupt_view(ShardId shard, const std::string& what) {
    return {FaultCode::corrupt, "view of shard " + std::to_string(shard.value()) + ": " + what};
}

}  // namespace vouch::projector
