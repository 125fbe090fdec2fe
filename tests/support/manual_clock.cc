#include "tests/support/manual_clock.h"

namespace vouch {

// Of two that move it at once the later one goes on from where the other got it. The machine's own
// counting goes first: a reader in between must not see a clock that leaps.
bool ManualClock::set(Timestamp time) {
    const std::lock_guard lock(moving_);
    const std::int64_t now = now_us_.load(std::memory_order_acquire);
    if (time.value() < now) return false;
    machine_us_.fetch_add(time.value() - now, std::memory_order_acq_rel);
    now_us_.store(time.value(), std::memory_order_release);
    return true;
}

bool ManualClock::advance(std::int64_t us) {
    const std::lock_guard lock(moving_);
    std::int64_t sum = 0;
    if (us < 0 || __builtin_add_overflow(now_us_.load(std::memory_order_acquire), us, &sum))
        return false;
    machine_us_.fetch_add(us, std::memory_order_acq_rel);
    now_us_.store(sum, std::memory_order_release);
    return true;
}

void ManualClock::leap(std::int64_t us) {
    const std::lock_guard lock(moving_);
    now_us_.fetch_add(us, std::memory_order_acq_rel);
}

void ManualClock::reboot() {
    const std::lock_guard lock(moving_);
    machine_us_.store(0, std::memory_order_release);
    boot_.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace vouch
