#pragma once

#include "events/result.h"
#include "events/world/clock.h"
#include "events/world/condition.h"
#include "events/world/mutex.h"
#include "events/world/thread.h"

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace vouch::server {

/// From here on the process ends in time, whatever does not: librdkafka 2.0.2 may keep the thread
/// of a commit until its brokers are back (its issue 5456). After `most` it ends as by kill -9,
/// which loses nothing that was acknowledged: with 4, or with 1 when what was `found` before is of
/// the books.
class EndInTime {
public:
    explicit EndInTime(const std::optional<Fault>& found, std::chrono::milliseconds most = kEndMax);
    ~EndInTime();
    EndInTime(const EndInTime&) = delete;
    EndInTime& operator=(const EndInTime&) = delete;

    static constexpr std::chrono::seconds kEndMax{60};

    /// What keeps the log from going on, such as brokers that do not answer; empty while it does.
    using Outage = std::function<std::optional<Fault>()>;
    /// From now on asks again and again, on a thread of its own, whether there is one: then nothing
    /// is left that is worth more than `most`. What is asked must be quick. Once.
    void hurry_when(Outage outage, std::chrono::milliseconds most = kOutageEndMax);
    /// It is not asked any more, nor while this returns: what it asks may go. The time stays.
    void ask_no_more();

    static constexpr std::chrono::seconds kOutageEndMax{6};
    static constexpr std::chrono::milliseconds kLook{100};

private:
    void watch();
    void look();

    const int status_;
    Mutex mutex_;
    Condition changed_;
    SteadyTime until_;
    Outage outage_;  ///< empty: not asked
    std::string why_ = "brokers that do not answer most likely";
    std::chrono::milliseconds outage_most_{};
    bool has_ended_ = false;
    Thread thread_;
};

}  // namespace vouch::server
