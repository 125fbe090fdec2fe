#include "reconciler/verdict/trial_balance.h"

#include <doctest/doctest.h>

namespace {

using namespace vouch;
using namespace vouch::reconciler;

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
