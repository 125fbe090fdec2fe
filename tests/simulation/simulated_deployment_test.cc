#include "tests/simulation/simulated_deployment.h"

#include "tests/simulation/seed_players.h"
#include "tests/simulation/shrink.h"

#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

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
        CHECK(result.views_compared > 0);
        faults += result.faults.took_place();
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

TEST_CASE("simulation: a plan is shortened to what violates the same in the same words") {
    const Plan whole = make_plan(1);
    REQUIRE(whole.faults.size() > 2);
    const PlannedFault needed = whole.faults[whole.faults.size() / 2];
    const auto is_needed = [&](const PlannedFault& each) {
        return each.at == needed.at && each.kind == needed.kind && each.draw == needed.draw;
    };
    // Without the fault that is needed the same invariant is violated, in other words.
    const auto play = [&](const Plan& plan, bool) {
        SimulationResult result;
        const std::string size = std::to_string(plan.commands.size());
        const bool is_there = std::ranges::any_of(plan.faults, is_needed);
        if (plan.commands.size() >= 3)
            result.violations.push_back(
                {"all is well", (is_there ? "lost of " : "late of ") + size, 0, {}});
        return result;
    };
    const Shrunk shrunk = shrink(whole, play);
    REQUIRE(shrunk.plan.faults.size() == 1);
    CHECK(is_needed(shrunk.plan.faults[0]));
    CHECK(shrunk.plan.commands.size() == 3);
    CHECK(shrunk.result.violations[0].what == "lost of 3");
}

TEST_CASE("simulation: seeds of several processes come in order, and who dies names its seed") {
    const PlaySeed play = [](std::uint64_t seed) {
        if (seed == 5) (void)std::raise(SIGKILL);
        if (seed == 7) ::_exit(3);
        const std::string text = seed == 9 ? std::string(200'000, 'x') : std::to_string(seed);
        return SeedReport{seed, {.seeds = 1, .commands = seed}, text};
    };
    std::vector<std::uint64_t> seeds;
    std::map<std::uint64_t, std::string> texts;
    SeedSum sum;
    play_seeds({3, 21}, 3, play, [&](const SeedReport& report) {
        seeds.push_back(report.seed);
        texts[report.seed] = report.text;
        sum.add(report.sum);
        return report.seed < 19;
    });
    CHECK(seeds == std::vector<std::uint64_t>{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
                                              18, 19});
    CHECK(texts[5] == "seed 5 ended its process by signal 9\n");
    CHECK(texts[7] == "seed 7 ended its process by code 3\n");
    CHECK(texts[9].size() == 200'000);
    CHECK(texts[10] == "10");
    CHECK(sum.seeds == 17);
    CHECK(sum.failed == 2);
    CHECK(sum.commands == 3 + 4 + 6 + (8 + 19) * 12 / 2);
}

TEST_CASE("simulation: times of a story are minutes and seconds") {
    using std::chrono::microseconds;
    CHECK(to_text(microseconds(0)) == "0:00.000000");
    CHECK(to_text(microseconds(187'000'250)) == "3:07.000250");
}
