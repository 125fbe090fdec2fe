#pragma once

#include "events/money/number.h"

#include <atomic>
#include <cstdint>

namespace vouch {

/// The one source of time, asked by a command handler once per record; everybody else reads the
/// record's time. Any thread.
class Clock {
public:
    virtual ~Clock() = default;
    /// Microseconds since 1970-01-01T00:00:00Z. May go back (people set clocks): record time is
    /// what never does.
    virtual Timestamp now() const = 0;
};

/// The machine's wall clock (CLOCK_REALTIME).
class SystemClock final : public Clock {
public:
    Timestamp now() const override;
};

/// A clock that stands still until it is moved, for tests and books made with a test clock.
/// Never goes back. Any thread.
class ManualClock final : public Clock {
public:
    explicit ManualClock(Timestamp start = Timestamp(0)) : now_us_(start.value()) {}

    Timestamp now() const override { return Timestamp(now_us_.load(std::memory_order_acquire)); }

    /// Moves to `time`. False, and nothing changes, when that would go back.
    bool set(Timestamp time);

    /// Moves forward by `us` microseconds. False, and nothing changes, when `us` is negative or the
    /// sum leaves the range.
    bool advance(std::int64_t us);

private:
    std::atomic<std::int64_t> now_us_;
};

}  // namespace vouch
