#pragma once

#include "tests/simulation/plan.h"
#include "tests/simulation/simulated_deployment.h"

#include <cstddef>
#include <functional>

namespace vouch::test {

struct Shrunk {
    Plan plan;
    SimulationResult result;  ///< with its story
    std::size_t runs = 0;
};

/// Plays a plan, and tells its story if it is asked to.
using Play = std::function<SimulationResult(const Plan&, bool tells_story)>;

/// Leaves out of a plan that violates something whatever it violates the same without: kinds of
/// fault, single faults, commands. The same is the same invariant in the same words, whatever their
/// numbers. A bounded number of runs.
Shrunk shrink(Plan plan, const Play& play = simulate);

}  // namespace vouch::test
