#include "events/log/kafka/stop.h"

#include <chrono>
#include <mutex>

namespace vouch::kafka {
namespace {

/// Waiting between two questions to brokers that were not ready.
constexpr std::chrono::milliseconds kPause{50};

}  // namespace

void Stop::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
    }
    stopped_.notify_all();
}

bool Stop::is_stopped() {
    const std::lock_guard lock(mutex_);
    return is_stopped_;
}

bool Stop::pause() {
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, kPause, [&] { return is_stopped_; });
    return !is_stopped_;
}

}  // namespace vouch::kafka
