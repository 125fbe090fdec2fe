#include "tests/simulation/kills.h"

#include <doctest/doctest.h>

using namespace vouch::test;

TEST_CASE("kills: 20 at random moments, a projector in the process; every command has one outcome") {
    survive_kills(1, 20, true, true);
}

TEST_CASE("kills: 10 under the machine's clock") { survive_kills(2, 10, false, false); }
