#include "reconciler/rules/limit_rule.h"

#include <doctest/doctest.h>

namespace {

using namespace vouch;
using namespace vouch::reconciler;

constexpr Amount kMost = Amount::max();

Totals totals(Amount debits, Amount credits, Amount debits_held, Amount credits_held) {
    return {debits, credits, debits_held, credits_held};
}

TEST_CASE("limit rule: posted and held against what was posted and the limit, beyond 128 bits too") {
    struct Row {
        const char* what;
        Totals totals;
        Side normal;
        Limit limit;
        bool keeps;
        std::optional<Amount> left;
    };
    const Amount none;
    const Row rows[] = {
        {"nothing", {}, Side::credit, Limit(), true, none},
        {"some left", totals(Amount(30), Amount(100), Amount(20), Amount(7)), Side::credit, Limit(),
         true, Amount(50)},
        {"the other way round", totals(Amount(100), Amount(30), Amount(7), Amount(20)), Side::debit,
         Limit(), true, Amount(50)},
        {"up to the limit", totals(Amount(110), Amount(100), none, none), Side::credit,
         Limit(Amount(10)), true, none},
        {"beyond it", totals(Amount(110), Amount(100), Amount(1), none), Side::credit,
         Limit(Amount(10)), false, none},
        {"without limit", totals(kMost, none, none, none), Side::credit, Limit::unlimited(), true,
         std::nullopt},
        {"more is left than any amount", totals(none, kMost, none, none), Side::credit,
         Limit(Amount(1)), true, std::nullopt},
        {"as much is left as an amount can be", totals(Amount(1), kMost, none, none), Side::credit,
         Limit(Amount(1)), true, kMost},
        {"both sides beyond 128 bits", totals(kMost, kMost, Amount(5), none), Side::credit,
         Limit(Amount(9)), true, Amount(4)},
        {"lowered beyond 128 bits", totals(kMost, kMost, Amount(1), none), Side::credit, Limit(),
         false, none},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(keeps_limit(row.totals, row.normal, row.limit) == row.keeps);
        CHECK(left_to_lower(row.totals, row.normal, row.limit) == row.left);
    }
}

}  // namespace
