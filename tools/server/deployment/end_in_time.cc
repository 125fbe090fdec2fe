#include "tools/server/deployment/end_in_time.h"

#include "tools/terminal/say.h"

#include <cstdlib>
#include <mutex>

namespace vouch::server {
namespace {

/// As the program's exit codes of that name: the former is for people to look at.
constexpr int kFindings = 1;
constexpr int kUnreachable = 4;

}  // namespace

EndInTime::EndInTime(const std::optional<Fault>& found, std::chrono::milliseconds most)
    : status_(found && found->code == FaultCode::corrupt ? kFindings : kUnreachable),
      most_(most),
      thread_("end", [this] { watch(); }) {}

EndInTime::~EndInTime() {
    {
        const std::lock_guard lock(mutex_);
        has_ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void EndInTime::watch() {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, most_, [&] { return has_ended_; })) return;
    terminal::say("something does not end, brokers that do not answer most likely: the process ends "
                  "without it; what was acknowledged is durable");
    std::_Exit(status_);
}

}  // namespace vouch::server
