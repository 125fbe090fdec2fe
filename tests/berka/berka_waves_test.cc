#include "tests/berka/play_bank.h"

#include <doctest/doctest.h>

// The same bank in waves, with its accounts on several shards: most rows cross, as cash is on one.

using namespace vouch::test;

TEST_CASE("berka waves: every balance is reached over one shard and over four") {
    play_bank_in_waves(1, 1);
    play_bank_in_waves(4, 1);
}

TEST_CASE("berka waves: the same over four shards when every command comes twice") {
    play_bank_in_waves(4, 2);
}
