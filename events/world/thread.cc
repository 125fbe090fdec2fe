#include "events/world/thread.h"

#include "events/world/clock.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace vouch {

Thread::Thread(std::string name, std::function<void()> body) {
    if (Scheduler* const scheduler = Scheduler::current()) {
        fibre_ = scheduler->start(std::move(name), std::move(body));
        return;
    }
    thread_ = std::thread(std::move(body));
    ::pthread_setname_np(thread_.native_handle(), name.c_str());
}

void Thread::join() {
    if (fibre_ == 0) return thread_.join();
    Scheduler::current()->join(std::exchange(fibre_, 0));
}

unsigned count_cores() {
    if (Scheduler::current() != nullptr) return 1;
    return std::max(1U, std::thread::hardware_concurrency());
}

std::uint64_t process_id() {
    return Scheduler::current() != nullptr ? 1 : static_cast<std::uint64_t>(::getpid());
}

void sleep_for(std::chrono::microseconds time) {
    Scheduler* const scheduler = Scheduler::current();
    if (scheduler == nullptr) return std::this_thread::sleep_for(time);
    // Nobody wakes this place.
    if (scheduler->wait(&time, steady_now() + time) == Scheduler::Woken::to_end)
        throw FibreEnded();
}

void take_lowest_priority() {
    constexpr int kLowestPriority = 19;
    // Of this thread alone, on Linux. Fibres share one.
    if (Scheduler::current() == nullptr) (void)::setpriority(PRIO_PROCESS, 0, kLowestPriority);
}

}  // namespace vouch
