#pragma once

#include "events/money/number.h"

#include <cstdint>

namespace vouch::reconciler {

/// When a hold expires that is placed or extended at `time`.
Timestamp expiry_of(Timestamp time, std::uint64_t expires_in_us);

}  // namespace vouch::reconciler
