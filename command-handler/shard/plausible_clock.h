#pragma once

#include "events/result.h"
#include "events/world/clock.h"
#include "events/world/files.h"

#include <cstdint>
#include <filesystem>
#include <optional>

namespace vouch::command_handler {

/// A clock at one moment: what it said, and what the machine had counted.
struct ClockLook {
    Timestamp time;
    MachineTime machine;
    friend bool operator==(const ClockLook&, const ClockLook&) = default;
};

/// What the clock should say at `machine`, when it was right at `look`; empty when that is another
/// run of the machine, whose counting says nothing.
std::optional<Timestamp> expected_time(const ClockLook& look, const MachineTime& machine);

/// `a` is later than `b` by more than `by_us`.
bool is_later(Timestamp a, Timestamp b, std::int64_t by_us);

/// A clock that does not leap forward: what leads further ahead of the machine's own counting than
/// kLeapMax_us is not believed, and time goes on as the machine counts until the clock is back, or
/// an operator has accepted what it says (docs/time.md). A clock that goes back is passed on
/// as it is: record time stands still then. One thread.
class PlausibleClock {
public:
    static constexpr std::int64_t kLeapMax_us = 60'000'000;
    /// What a clock is held against follows it by one part in so many of the time that passes, as
    /// fast as systems steer clocks: small leaps do not add up to a large one.
    static constexpr std::int64_t kFollowPart = 2'000;
    static constexpr std::int64_t kFollowEvery_us = 1'000'000;

    explicit PlausibleClock(const Clock& clock) : clock_(clock) {}

    /// What the clock says now is believed, and everything later is held against it.
    void trust() { trusted_ = look(); }
    /// Never before `trust`.
    Timestamp now();
    /// What `now` did not believe when it was last asked.
    bool is_leaping() const { return is_leaping_; }
    const ClockLook& trusted() const { return trusted_; }
    std::int64_t machine_us() const { return clock_.machine().us; }

    /// Both at once.
    ClockLook look() const { return {clock_.now(), clock_.machine()}; }

private:
    void follow(const ClockLook& found, Timestamp expected);

    const Clock& clock_;
    ClockLook trusted_;
    bool is_leaping_ = false;
};

/// A writer does not start, and a running one warns, when its clock is this far behind the chain.
inline constexpr std::int64_t kClockBehindMax_us = 5'000'000;
/// Books may have rested for so long, 400 days, without anybody being asked.
inline constexpr std::int64_t kRestMax_us = std::int64_t{400} * 24 * 3'600 * 1'000'000;

/// Why a start should not believe the clock; empty when it may. `retriable` for a clock that is
/// behind by no more than it may leap while it is believed: a small step back, which is over by
/// itself. `configuration` for what somebody has to look at. `kept` is a look of an earlier start,
/// `last` the newest record's time, and up to `accepted` an operator has accepted records that are
/// later than the clock.
std::optional<Fault> doubt_of_start(const ClockLook& found,
                                          const std::optional<ClockLook>& kept, Timestamp last,
                                          Timestamp accepted);

/// Kept in a file beside a shard's store, so that a start in the same run of the machine has
/// something to hold the clock against. It can only make a start ask its operator, so nothing
/// proves it: without it, or when it cannot be read, there is no such witness.
void keep_look(const std::filesystem::path& path, const ClockLook& look,
               Files& files = system_files());
std::optional<ClockLook> kept_look(const std::filesystem::path& path,
                                   Files& files = system_files());

}  // namespace vouch::command_handler
