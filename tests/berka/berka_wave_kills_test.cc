#include "tests/berka/play_bank.h"

#include <doctest/doctest.h>

using namespace vouch::test;

// The only case of its program, as the processes are forks of it.
TEST_CASE("berka waves: the same over four shards when the process is killed 36 times") {
    play_bank_in_killed_waves(4, 36);
}
