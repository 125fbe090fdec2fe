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

void EndInTime::hurry_when(std::function<bool()> is_outage, std::chrono::milliseconds most) {
    {
        const std::lock_guard lock(mutex_);
        is_outage_ = std::move(is_outage);
        outage_most_ = most;
    }
    changed_.notify_all();
}

void EndInTime::ask_no_more() {
    const std::lock_guard lock(mutex_);
    is_outage_ = nullptr;
}

/// Under the lock: whoever takes the question away waits for its answer.
void EndInTime::look() {
    if (!is_outage_ || !is_outage_()) return;
    until_ = std::min(until_, steady_now() + outage_most_);
    is_outage_ = nullptr;
}

void EndInTime::watch() {
    std::unique_lock lock(mutex_);
    while (!has_ended_ && steady_now() < until_) {
        look();
        const bool asks = is_outage_ != nullptr;
        const SteadyTime until = asks ? std::min(until_, steady_now() + kLook) : until_;
        changed_.wait_until(lock, until,
                            [&] { return has_ended_ || (is_outage_ != nullptr) != asks; });
    }
    if (has_ended_) return;
    terminal::say("something does not end, brokers that do not answer most likely: the process ends "
                  "without it; what was acknowledged is durable");
    std::_Exit(status_);
}

}  // namespace vouch::server
