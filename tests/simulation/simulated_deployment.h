#pragma once

#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "tests/simulation/auditor.h"
#include "tests/simulation/fault_tally.h"
#include "tests/simulation/fibre_scheduler.h"
#include "tests/simulation/log_place.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/orders.h"
#include "tests/simulation/plan.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::test {

/// What came of a plan.
struct SimulationResult {
    std::uint64_t trace = 0;
    SimulatedTime time{};
    std::size_t told = 0;
    std::size_t accepted = 0;  ///< of these
    FaultTally faults;       ///< that met a process
    std::uint64_t questions = 0;  ///< about settled times, answered
    std::size_t stops_alone = 0;     ///< of shards beside which others went on
    std::size_t views_compared = 0;  ///< with the log, row by row
    std::size_t stops = 0;   ///< processes that ended by themselves
    std::vector<Violation> violations;
    std::vector<std::string> story;  ///< only when it was asked for
};

/// Minutes and seconds since the beginning, as in 3:07.250000.
std::string to_text(SimulatedTime time);

/// Plays a plan: a deployment whose clients, processes, machines and log all live under one
/// scheduler. At the end everything is healed, and all must be told and right within minutes.
SimulationResult simulate(const Plan& plan, bool tells_story = false);

}  // namespace vouch::test
