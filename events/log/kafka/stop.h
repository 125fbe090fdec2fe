#pragma once

#include "events/world/condition.h"
#include "events/world/mutex.h"

namespace vouch::kafka {

/// Ends the waiting of all who pause between two questions to brokers. Any thread.
class Stop {
public:
    void stop();
    bool is_stopped();
    /// Waits for a moment; false when it was stopped.
    bool pause();

private:
    Mutex mutex_;
    Condition stopped_;
    bool is_stopped_ = false;
};

}  // namespace vouch::kafka
