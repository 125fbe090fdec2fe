#include "events/world/random.h"

#include "events/check.h"
#include "events/world/scheduler.h"

#include <unistd.h>

namespace vouch {

std::uint64_t random_number() {
    if (Scheduler* const scheduler = Scheduler::current()) return scheduler->random();
    std::uint64_t number = 0;
    VOUCH_ASSERT(::getentropy(&number, sizeof number) == 0);
    return number;
}

}  // namespace vouch
