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

void EndInTime::hurry(std::chrono::milliseconds most) {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(is_hurried_, true)) return;
        until_ = std::min(until_, steady_now() + most);
    }
    changed_.notify_all();
}

void EndInTime::watch() {
    std::unique_lock lock(mutex_);
    while (!has_ended_ && steady_now() < until_) {
        const SteadyTime until = until_;
        changed_.wait_until(lock, until, [&] { return has_ended_ || until_ != until; });
    }
    if (has_ended_) return;
    terminal::say("something does not end, brokers that do not answer most likely: the process ends "
                  "without it; what was acknowledged is durable");
    std::_Exit(status_);
}

}  // namespace vouch::server
