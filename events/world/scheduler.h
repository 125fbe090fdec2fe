#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace vouch {

/// A time of the machine's steady clock: deadlines and pauses, never what a record says.
using SteadyTime = std::chrono::steady_clock::time_point;

/// Thrown in a fibre whose process was killed, where it stands still: it ends without going on.
/// Nobody catches it but the scheduler.
struct FibreEnded {};

/// What threads, locks, clocks and randomness are asked of while the calling thread runs fibres of
/// a simulation instead of the machine's own. The product has none: there `current` is null, which
/// is all that it pays. All calls on the one thread that runs the fibres.
class Scheduler {
public:
    /// Of a fibre; never 0.
    using FibreId = std::uint64_t;
    enum class Woken : std::uint8_t {
        by_call,
        by_time,
        to_end  ///< its process was killed: nothing else of it runs any more
    };

    virtual ~Scheduler() = default;

    /// Of the calling thread.
    static Scheduler* current() { return current_; }

    virtual FibreId start(std::string name, std::function<void()> body) = 0;
    /// Stands still until the fibre has ended, also while its process is killed.
    virtual void join(FibreId fibre) = 0;
    /// Others may go on before it is held. Also while its process is killed, and then from those
    /// who do not run any more.
    virtual void lock(bool& is_held) = 0;
    virtual void unlock(bool& is_held) = 0;
    /// Stands still until it is woken at `place`, or the time has come.
    virtual Woken wait(const void* place, std::optional<SteadyTime> until) = 0;
    /// One of those who wait at the place goes on, or all of them; nobody does before the caller
    /// stands still.
    virtual void wake_one(const void* place) = 0;
    virtual void wake_all(const void* place) = 0;

    virtual SteadyTime steady_now() = 0;
    virtual std::uint64_t random() = 0;

protected:
    static void make_current(Scheduler* scheduler) { current_ = scheduler; }

private:
    inline static constinit thread_local Scheduler* current_ = nullptr;
};

}  // namespace vouch
