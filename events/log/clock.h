#pragma once

#include "events/money/number.h"

#include <atomic>
#include <cstdint>
#include <mutex>

namespace vouch {

/// How long a machine has run, by its own counting, which nobody sets and which never goes back.
struct MachineTime {
    std::uint64_t boot = 0;  ///< names the run: another one counts from anew
    std::int64_t us = 0;
    friend bool operator==(const MachineTime&, const MachineTime&) = default;
};

/// The one source of time, asked by a command handler once per record; everybody else reads the
/// record's time. Any thread.
class Clock {
public:
    virtual ~Clock() = default;
    /// Microseconds since 1970-01-01T00:00:00Z. May go back or leap (people and programs set
    /// clocks): record time does neither.
    virtual Timestamp now() const = 0;
    virtual MachineTime machine() const = 0;
};

/// The machine's wall clock (CLOCK_REALTIME), and CLOCK_BOOTTIME, which counts sleep too.
class SystemClock final : public Clock {
public:
    Timestamp now() const override;
    MachineTime machine() const override;
};

/// A clock that stands still until it is moved, for tests and books made with a test clock. Any
/// thread.
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
