#include "tests/berka/play_bank.h"

#include <doctest/doctest.h>

// A real bank of 1993 and 1994 (../shared/data/README.md): 49,070 rows, each of which says the
// balance after it.

using namespace vouch::test;

TEST_CASE("berka: every balance of a real bank is reached") { play_bank("bank", 0); }

TEST_CASE("berka: the same when every command comes twice") { play_bank("bank-twice", 0); }
