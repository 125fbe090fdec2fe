#include "reconciler/wide_sum.h"

#include "reconciler/trial_balance.h"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace vouch;
using namespace vouch::reconciler;

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
}

TEST_CASE("trial balance: sums by ledger and asset, uneven by one unit is uneven") {
    const Asset euro = *Asset::parse("EUR/2");
    const Asset yen = *Asset::parse("JPY/0");
    TrialBalance balance;
    balance.add(LedgerId(1), yen, {Amount(5), Amount(5), Amount(3), Amount(1)});
    balance.add(LedgerId(0), yen, {Amount::max(), Amount(), Amount(), Amount()});
    balance.add(LedgerId(0), euro, {Amount(2), Amount(2), Amount(), Amount()});
    balance.add(LedgerId(0), yen, {Amount::max(), Amount::max(), Amount(), Amount()});
    REQUIRE(balance.lines().size() == 3);
    CHECK(balance.lines()[0].asset == euro);
    CHECK(balance.lines()[1].ledger == LedgerId(0));
    CHECK(balance.lines()[2].ledger == LedgerId(1));
    CHECK(!balance.is_even());
    balance.add(LedgerId(0), yen, {Amount(), Amount::max(), Amount(), Amount()});
    CHECK(!balance.is_even());
    balance.add_without_payee(LedgerId(1), yen, Amount(2));
    CHECK(balance.is_even());
    balance.add(LedgerId(0), euro, {Amount(), Amount(1), Amount(), Amount()});
    CHECK(!balance.is_even());
}

}  // namespace
