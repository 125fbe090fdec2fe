#pragma once

#include "tests/simulation/plan.h"

#include <vector>

namespace vouch::test {

/// What clients want of a run, in the order of its times: MixedLoad's batches one after the other,
/// at once or over seconds, and many of their commands again much later. Some runs also move
/// amounts near the greatest one between shards, or send large groups.
std::vector<PlannedCommand> plan_load(const Plan& plan, SimulatedTime last);

}  // namespace vouch::test
