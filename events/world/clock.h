#pragma once

#include "events/money/number.h"
#include "events/world/scheduler.h"

#include <cstdint>

namespace vouch {

/// For deadlines and pauses; nobody sets it. Of a simulation's fibre: simulated time.
SteadyTime steady_now();

/// The same in milliseconds, and the machine's sleep counts too: for how long others have not heard
/// of this process.
std::int64_t boot_time_ms();

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

/// The machine's wall clock (CLOCK_REALTIME), and CLOCK_BOOTTIME, which counts sleep too. Of a
/// simulation's fibre: simulated time, whose beginning is 1970.
class SystemClock final : public Clock {
public:
    Timestamp now() const override;
    MachineTime machine() const override;
};

}  // namespace vouch
