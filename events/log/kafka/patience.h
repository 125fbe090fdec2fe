#pragma once

#include "events/world/scheduler.h"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace vouch::kafka {

/// How long calls wait for brokers that do not answer: each for a time that the options give, and
/// once the log is to end, all of them together for a short one. Any thread; outlives its
/// deadlines.
class Patience {
public:
    /// Until when one call may wait.
    class Deadline {
    public:
        bool has_passed() const;
        /// What is left of it for one request, at least kRequestMin and at most `most_ms`.
        int left_ms(std::int64_t most_ms) const;

    private:
        friend class Patience;
        Deadline(const Patience& patience, SteadyTime at) : patience_(patience), at_(at) {}
        SteadyTime at() const;

        const Patience& patience_;
        const SteadyTime at_;
    };

    explicit Patience(std::int64_t ms);

    /// Of a call that begins now.
    Deadline begin() const;
    /// From now on nobody waits longer than kEndPatience.
    void end_soon();
    /// Whether that time is over.
    bool is_over() const;

    /// Of a log that is to end, for all that it still waits for.
    static constexpr std::chrono::seconds kEndPatience{3};
    /// What brokers that are well need for an answer, also once that time is over: a shard that
    /// still works off what it has read is not told then that they are away.
    static constexpr std::chrono::milliseconds kRequestMin{1000};

private:
    const std::chrono::milliseconds whole_;
    std::atomic<SteadyTime::rep> over_at_;
};

}  // namespace vouch::kafka
