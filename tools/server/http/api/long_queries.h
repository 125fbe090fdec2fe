#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace vouch::http {

/// Runs what reads many rows on a thread of its own, one after the other, so that nobody's balance
/// waits behind somebody's trial balance.
class LongQueries {
public:
    /// Waiting for their turn, at most.
    static constexpr std::size_t kWaitingMax = 32;

    LongQueries();
    ~LongQueries();
    LongQueries(const LongQueries&) = delete;
    LongQueries& operator=(const LongQueries&) = delete;

    /// False, and nothing will happen, when too many wait.
    bool add(std::function<void()> query);
    /// Ends after the query at hand, which looks at `stopping`.
    void stop();
    const std::atomic<bool>& stopping() const { return is_stopping_; }

private:
    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> waiting_;
    std::atomic<bool> is_stopping_{false};  ///< set under the mutex
    std::thread thread_;
};

}  // namespace vouch::http
