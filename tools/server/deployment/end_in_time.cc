#include "tools/server/deployment/end_in_time.h"

#include "tools/terminal/say.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <utility>

namespace vouch::server {
namespace {

/// As the program's exit codes of that name: the former is for people to look at.
constexpr int kFindings = 1;
constexpr int kUnreachable = 4;

}  // namespace

EndInTime::EndInTime(const std::optional<Fault>& found, std::chrono::milliseconds most)
    : status_(found && found->code == FaultCode::corrupt ? kFindings : kUnreachable),
      until_(steady_now() + most),
      thread_("end", [this] { watch(); }) {}

EndInTime::~EndInTime() {
    {
        const std::lock_guard lock(mutex_);
        has_ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void EndInTime::hurry_when(Outage outage, std::chrono::milliseconds most) {
    {
        const std::lock_guard lock(mutex_);
        outage_ = std::move(outage);
        outage_most_ = most;
    }
    changed_.notify_all();
}

void EndInTime::ask_no_more() {
    const std::lock_guard lock(mutex_);
    outage_ = nullptr;
}

/// Under the lock: whoever takes the question away waits for its answer.
void EndInTime::look() {
    const std::optional<Fault> outage = outage_ ? outage_() : std::nullopt;
    if (!outage) return;
    why_ = outage->message;
    until_ = std::min(until_, steady_now() + outage_most_);
    outage_ = nullptr;
}

void EndInTime::watch() {
    std::unique_lock lock(mutex_);
    while (!has_ended_ && steady_now() < until_) {
        look();
        const bool asks = outage_ != nullptr;
        const SteadyTime until = asks ? std::min(until_, steady_now() + kLook) : until_;
        changed_.wait_until(lock, until,
                            [&] { return has_ended_ || (outage_ != nullptr) != asks; });
    }
    if (has_ended_) return;
    terminal::say("something does not end, " + why_ + ": the process ends without it; what was "
                  "acknowledged is durable");
    std::_Exit(status_);
}

}  // namespace vouch::server
