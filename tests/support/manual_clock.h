#pragma once

#include "events/world/clock.h"

#include <atomic>
#include <cstdint>
#include <mutex>

namespace vouch {

/// A clock that stands still until it is moved, for tests. Any thread.
class ManualClock final : public Clock {
public:
    explicit ManualClock(Timestamp start = Timestamp(0)) : now_us_(start.value()) {}

    Timestamp now() const override { return Timestamp(now_us_.load(std::memory_order_acquire)); }
    MachineTime machine() const override {
        return {boot_.load(std::memory_order_acquire), machine_us_.load(std::memory_order_acquire)};
    }

    /// Time passes until `time`. False, and nothing changes, when that would go back.
    bool set(Timestamp time);

    /// `us` microseconds pass. False, and nothing changes, when `us` is negative or the sum leaves
    /// the range.
    bool advance(std::int64_t us);

    /// Somebody sets the clock by `us` microseconds, forward or back: no time passes.
    void leap(std::int64_t us);
    /// The machine starts anew: no time passes, and it counts from zero.
    void reboot();

private:
    std::mutex moving_;
    std::atomic<std::int64_t> now_us_;
    std::atomic<std::int64_t> machine_us_{0};
    std::atomic<std::uint64_t> boot_{1};
};

}  // namespace vouch
