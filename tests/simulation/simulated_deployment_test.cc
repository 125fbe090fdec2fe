#include "tests/simulation/simulated_deployment.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using namespace vouch::test;

namespace {

constexpr std::uint64_t kSeeds = 12;

}  // namespace

TEST_CASE("simulation: whatever happens, all is told and right in the end") {
    std::uint64_t faults = 0;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        CAPTURE(seed);
        const SimulationResult result = simulate(make_plan(seed));
        for (const Violation& each : result.violations)
            FAIL_CHECK(std::string(each.invariant), ": ", each.what);
        CHECK(result.told > 1'000);
        CHECK(result.questions > 10);
        faults += result.faults;
    }
    CHECK(faults > 8 * kSeeds);
}

TEST_CASE("simulation: the same seed has the same trace, and another one another") {
    const auto trace_of = [](std::uint64_t seed) { return simulate(make_plan(seed)).trace; };
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
        CAPTURE(seed);
        const std::uint64_t first = trace_of(seed);
        CHECK(trace_of(seed) == first);
        CHECK(trace_of(seed + 1) != first);
    }
}
