#pragma once

#include "tests/simulation/plan.h"
#include "tests/simulation/simulated_deployment.h"

#include <cstddef>

namespace vouch::test {

struct Shrunk {
    Plan plan;
    SimulationResult result;  ///< with its story
    std::size_t runs = 0;
};

/// Leaves out of a plan that violates something whatever it violates the same invariant without:
/// kinds of fault, single faults, commands. A bounded number of runs.
Shrunk shrink(Plan plan);

}  // namespace vouch::test
