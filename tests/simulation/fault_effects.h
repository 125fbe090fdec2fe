#pragma once

#include "tests/simulation/kafka_place.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/plan.h"

#include <cstdint>
#include <functional>

namespace vouch::test {

/// Where a fault happens. The process itself is killed and stopped by who started it.
struct FaultSite {
    Machine& machine;
    KafkaPlace* kafka = nullptr;  ///< null: the log is in files of the machine
    std::uint32_t shards = 1;
    bool has_producers = false;  ///< every shard's producer has come
};

struct BegunFault {
    std::function<void()> end = nullptr;  ///< empty: nothing has to
    /// Asked when it is over: whether anybody has met it. Empty: it has taken place.
    std::function<bool()> took_place = nullptr;
};

/// Makes what machine and brokers suffer of the fault, from now on.
BegunFault begin_effect(const PlannedFault& fault, const FaultSite& at);

}  // namespace vouch::test
