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

/// Makes what machine and brokers suffer of the fault, from now on, and returns what ends it; empty
/// when nothing has to.
std::function<void()> begin_effect(const PlannedFault& fault, const FaultSite& at);

}  // namespace vouch::test
