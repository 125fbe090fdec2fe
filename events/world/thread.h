#pragma once

#include "events/world/scheduler.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace vouch {

/// A std::thread with a name of at most 15 bytes, by which tools show it; or a fibre of a
/// simulation. Whoever has one joins it.
class Thread {
public:
    Thread() = default;
    Thread(std::string name, std::function<void()> body);
    Thread(Thread&& other) noexcept
        : thread_(std::move(other.thread_)), fibre_(std::exchange(other.fibre_, 0)) {}
    Thread& operator=(Thread&& other) noexcept {
        thread_ = std::move(other.thread_);
        fibre_ = std::exchange(other.fibre_, 0);
        return *this;
    }
    ~Thread() = default;

    bool joinable() const { return fibre_ != 0 || thread_.joinable(); }
    void join();

private:
    std::thread thread_;
    Scheduler::FibreId fibre_ = 0;
};

/// How many threads the machine runs at once, at least 1; of a simulation, 1.
unsigned count_cores();

/// The number by which people know this process; of a simulation, 1.
std::uint64_t process_id();

/// The calling thread does nothing for so long.
void sleep_for(std::chrono::microseconds time);

/// From now on the calling thread works when nobody else wants to.
void take_lowest_priority();

}  // namespace vouch
