#pragma once

#include "events/result.h"
#include "events/world/clock.h"
#include "events/world/condition.h"
#include "events/world/mutex.h"
#include "events/world/thread.h"

#include <chrono>
#include <optional>

namespace vouch::server {

/// From here on the process ends in time, whatever does not: librdkafka 2.0.2 may keep the thread of
/// a commit until its brokers are back (its issue 5456). After `most` it ends as by kill -9, which
/// loses nothing that was acknowledged: with 4, or with 1 when what was `found` before is of the books.
class EndInTime {
public:
    explicit EndInTime(const std::optional<Fault>& found, std::chrono::milliseconds most = kEndMax);
    ~EndInTime();
    EndInTime(const EndInTime&) = delete;
    EndInTime& operator=(const EndInTime&) = delete;

    static constexpr std::chrono::seconds kEndMax{60};

    /// No broker answers: nothing is left that is worth more than `most` from now on. The first
    /// call counts. Any thread.
    void hurry(std::chrono::milliseconds most = kOutageEndMax);

    static constexpr std::chrono::seconds kOutageEndMax{6};

private:
    void watch();

    const int status_;
    Mutex mutex_;
    Condition changed_;
    SteadyTime until_;
    bool is_hurried_ = false;
    bool has_ended_ = false;
    Thread thread_;
};

}  // namespace vouch::server
