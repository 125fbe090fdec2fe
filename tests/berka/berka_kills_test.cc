#include "tests/berka/play_bank.h"

#include <doctest/doctest.h>

using namespace vouch::test;

TEST_CASE("berka: the same when the process is killed 36 times at random moments") {
    play_bank("bank", 36);
}
