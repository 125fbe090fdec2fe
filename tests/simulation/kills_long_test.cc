#include "tests/simulation/kills.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <initializer_list>

using namespace vouch::test;

// Each life sends again what every life before it sent: two halves cost half of one whole.
TEST_CASE("kills: 200 at random moments, at least half of them within a commit") {
    for (const std::uint64_t seed : {3U, 4U})
        survive_kills(
            {.seed = seed, .kills = 100, .new_answers_max = 120, .within_commit_min = 50});
}
