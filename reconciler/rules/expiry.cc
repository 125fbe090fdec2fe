#include "reconciler/rules/expiry.h"

#include <limits>

namespace vouch::reconciler {

Timestamp expiry_of(Timestamp time, std::uint64_t expires_in_us) {
    // Without signs, so that no difference is too large: `left` is how far the last time lies off.
    constexpr Timestamp kLast(std::numeric_limits<std::int64_t>::max());
    const auto now = static_cast<std::uint64_t>(time.value());
    const std::uint64_t left = static_cast<std::uint64_t>(kLast.value()) - now;
    return expires_in_us > left ? kLast : Timestamp(static_cast<std::int64_t>(now + expires_in_us));
}

}  // namespace vouch::reconciler
