#include "events/money/wide_sum.h"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace vouch;

TEST_CASE("wide sum: goes beyond 128 bits, and reads as an amount does") {
    struct Row {
        WideSum sum;
        std::uint8_t scale;
        std::string text;
    };
    WideSum twice(Amount::max());
    twice.add(Amount::max());
    WideSum carried(Amount::max());
    carried.add(Amount(1));
    const Row rows[] = {
        {WideSum(), 0, "0"},
        {WideSum(), 2, "0.00"},
        {WideSum(Amount(7)), 2, "0.07"},
        {WideSum(Amount(1234)), 2, "12.34"},
        {WideSum(Amount(1234)), 0, "1234"},
        {WideSum(Amount(1)), 18, "0.000000000000000001"},
        {WideSum(Amount::max()), 2, to_text(Amount::max(), Scale(2))},
        {carried, 0, "340282366920938463463374607431768211456"},
        {twice, 1, "68056473384187692692674921486353642291.0"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK(to_text(row.sum, Scale(row.scale)) == row.text);
    }
    CHECK(carried > WideSum(Amount::max()));
    CHECK(!carried.fits_amount());
    CHECK(twice.minus(carried).plus(carried) == twice);
    CHECK(carried.minus(WideSum(Amount(1))) == WideSum(Amount::max()));
}

}  // namespace
