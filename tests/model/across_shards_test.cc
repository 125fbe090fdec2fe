#include "tests/model/across_shards.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

// The cores of several shards against the model of one.

namespace {

using namespace vouch;
using namespace vouch::test;

constexpr std::uint64_t kScenarios = 60;
constexpr std::uint32_t kShardsMost = 6;
constexpr std::size_t kCutMost = 20;  ///< of so many scenarios one may end without comparison

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::stoull(text);
}

using Play = std::optional<Difference> (*)(const Scenario&, std::uint32_t, AcrossCoverage&);

/// VOUCH_SEED plays one scenario again, VOUCH_SCENARIOS more of them; the number of shards follows
/// from the seed.
AcrossCoverage compare(Play play) {
    const std::uint64_t first = setting("VOUCH_SEED", 1);
    const bool is_alone = std::getenv("VOUCH_SEED") != nullptr;
    const std::uint64_t count = is_alone ? 1 : setting("VOUCH_SCENARIOS", kScenarios);
    AcrossCoverage coverage;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        CAPTURE(seed);
        const auto shards = static_cast<std::uint32_t>(1 + seed % kShardsMost);
        const Scenario scenario = make_scenario(seed, {.commands = 300});
        if (!play(scenario, shards, coverage)) continue;
        AcrossCoverage ignored;
        const Scenario smallest = shrink(scenario, Fails([&](const Scenario& candidate) {
                                             return play(candidate, shards, ignored).has_value();
                                         }));
        const auto difference = play(smallest, shards, ignored);
        const std::string text =
            "seed " + std::to_string(seed) + ", " + std::to_string(shards) +
            " shards: " + (difference ? difference->text : "no difference any more") + "\n" +
            to_spec(smallest);
        FAIL(text);
    }
    MESSAGE(render(coverage) << render(coverage.outcomes));
    return coverage;
}

}  // namespace

TEST_CASE("across shards: commands that wait for one another end as over one shard") {
    const AcrossCoverage coverage = compare(find_difference_when_final);
    if (std::getenv("VOUCH_SEED") != nullptr) return;
    CHECK(coverage.crossings > coverage.commands / 10);
    CHECK(coverage.crossings_refused > coverage.crossings / 20);
    CHECK(coverage.outcomes.at(Outcome::not_supported_across_shards) > 0);
    // What is not foretold exactly stays the exception.
    CHECK(coverage.unsaid < coverage.commands / 5);
    CHECK(coverage.overflows < coverage.commands / 50);
    CHECK(coverage.left_out < coverage.commands / 3);
    CHECK(coverage.cut <= coverage.scenarios / kCutMost);
}

TEST_CASE("across shards: nothing is gained or lost however commands and steps interleave") {
    const AcrossCoverage coverage = compare(find_difference_interleaved);
    if (std::getenv("VOUCH_SEED") != nullptr) return;
    CHECK(coverage.crossings > coverage.commands / 15);
    CHECK(coverage.crossings_refused > coverage.crossings / 20);
    CHECK(coverage.most_under_way > 10);
    CHECK(coverage.outcomes.at(Outcome::closed) > 0);
    CHECK(coverage.outcomes.at(Outcome::in_use) > coverage.commands / 2'000);
    CHECK(coverage.cut <= coverage.scenarios / kCutMost);
}
