#pragma once

#include <condition_variable>
#include <mutex>

namespace vouch::kafka {

/// Ends the waiting of all who pause between two questions to brokers. Any thread.
class Stop {
public:
    void stop();
    bool is_stopped();
    /// Waits for a moment; false when it was stopped.
    bool pause();

private:
    std::mutex mutex_;
    std::condition_variable stopped_;
    bool is_stopped_ = false;
};

}  // namespace vouch::kafka
