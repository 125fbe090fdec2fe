#pragma once

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
    void stop();

private:
    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> waiting_;
    bool is_stopping_ = false;
    std::thread thread_;
};

}  // namespace vouch::http
