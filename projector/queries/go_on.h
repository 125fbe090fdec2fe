#pragma once

#include "events/result.h"

#include <atomic>

namespace vouch::projector {

/// A question that reads many rows may be told to end at any of them. `ending` may be null.
inline Status go_on(const std::atomic<bool>* ending) {
    if (ending && ending->load(std::memory_order_relaxed))
        return Fault{FaultCode::retriable, "a question was ended before its answer"};
    return {};
}

}  // namespace vouch::projector
