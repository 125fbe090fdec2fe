#include "events/log/clock.h"

#include <chrono>

namespace vouch {

Timestamp SystemClock::now() const {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return Timestamp(std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count());
}

bool ManualClock::set(Timestamp time) {
    std::int64_t seen = now_us_.load(std::memory_order_acquire);
    do {
        if (time.value() < seen) return false;
    } while (!now_us_.compare_exchange_weak(seen, time.value(), std::memory_order_acq_rel));
    return true;
}

bool ManualClock::advance(std::int64_t us) {
    if (us < 0) return false;
    std::int64_t seen = now_us_.load(std::memory_order_acquire);
    std::int64_t sum = 0;
    do {
        if (__builtin_add_overflow(seen, us, &sum)) return false;
    } while (!now_us_.compare_exchange_weak(seen, sum, std::memory_order_acq_rel));
    return true;
}

}  // namespace vouch
