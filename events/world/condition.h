#pragma once

#include "events/world/clock.h"
#include "events/world/mutex.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace vouch {

/// A std::condition_variable of a Mutex. No destructor waits
/// at one: a wait is where a fibre ends when its process is killed.
class Condition {
public:
    void notify_one() {
        if (Scheduler* const scheduler = Scheduler::current()) [[unlikely]]
            return scheduler->wake_one(this);
        condition_.notify_one();
    }
    void notify_all() {
        if (Scheduler* const scheduler = Scheduler::current()) [[unlikely]]
            return scheduler->wake_all(this);
        condition_.notify_all();
    }

    template <class Predicate>
    void wait(std::unique_lock<Mutex>& lock, Predicate is_so) {
        if (Scheduler* const scheduler = Scheduler::current()) [[unlikely]] {
            while (!is_so()) (void)wait_on(*scheduler, lock, std::nullopt);
            return;
        }
        Inner inner(lock);
        condition_.wait(inner.lock, is_so);
    }

    /// False when the time has come and it is still not so.
    template <class Predicate>
    bool wait_until(std::unique_lock<Mutex>& lock, SteadyTime until, Predicate is_so) {
        if (Scheduler* const scheduler = Scheduler::current()) [[unlikely]] {
            while (!is_so()) {
                if (!wait_on(*scheduler, lock, until)) return is_so();
            }
            return true;
        }
        Inner inner(lock);
        return condition_.wait_until(inner.lock, until, is_so);
    }

    template <class Predicate>
    bool wait_for(std::unique_lock<Mutex>& lock, std::chrono::microseconds time, Predicate is_so) {
        return wait_until(lock, steady_now() + time, is_so);
    }

    /// Until it is notified, of whatever; or for so long.
    void wait_for(std::unique_lock<Mutex>& lock, std::chrono::microseconds time) {
        if (Scheduler* const scheduler = Scheduler::current()) [[unlikely]] {
            (void)wait_on(*scheduler, lock, steady_now() + time);
            return;
        }
        Inner inner(lock);
        condition_.wait_for(inner.lock, time);
    }

private:
    /// The std::mutex within one that the caller holds, and goes on holding.
    struct Inner {
        explicit Inner(std::unique_lock<Mutex>& held)
            : lock(held.mutex()->mutex_, std::adopt_lock) {}
        ~Inner() { lock.release(); }
        Inner(const Inner&) = delete;
        Inner& operator=(const Inner&) = delete;
        std::unique_lock<std::mutex> lock;
    };
    /// False when the time has come.
    bool wait_on(Scheduler& scheduler, std::unique_lock<Mutex>& lock,
                 std::optional<SteadyTime> until);

    std::condition_variable condition_;
};

}  // namespace vouch
