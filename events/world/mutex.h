#pragma once

#include "events/world/scheduler.h"

#include <mutex>

namespace vouch {

/// A std::mutex; between fibres of a simulation one that lets the others go on meanwhile. Taken
/// with std::lock_guard and std::unique_lock.
///
/// What a thread of a library locks too (RocksDB's, librdkafka's) stays a std::mutex, and is not
/// held where a fibre may stand still.
class Mutex {
public:
    Mutex() = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;

    void lock() {
        if (Scheduler* const scheduler = Scheduler::current()) [[unlikely]]
            return scheduler->lock(is_held_);
        mutex_.lock();
    }
    void unlock() {
        if (Scheduler* const scheduler = Scheduler::current()) [[unlikely]]
            return scheduler->unlock(is_held_);
        mutex_.unlock();
    }

private:
    friend class Condition;

    std::mutex mutex_;
    bool is_held_ = false;  ///< by a fibre
};

}  // namespace vouch
