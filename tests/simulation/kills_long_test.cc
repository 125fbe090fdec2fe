#include "tests/simulation/kills.h"

#include <doctest/doctest.h>

using namespace vouch::test;

TEST_CASE("kills: 200 at random moments, at least half of them within a commit") {
    survive_kills({.seed = 3, .kills = 200, .new_answers_max = 120, .within_commit_min = 100});
}
