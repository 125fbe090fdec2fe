#include "events/world/condition.h"

namespace vouch {

bool Condition::wait_on(Scheduler& scheduler, std::unique_lock<Mutex>& lock,
                        std::optional<SteadyTime> until) {
    lock.unlock();
    const Scheduler::Woken woken = scheduler.wait(this, until);
    if (woken == Scheduler::Woken::to_end) throw FibreEnded();
    lock.lock();
    return woken == Scheduler::Woken::by_call;
}

}  // namespace vouch
