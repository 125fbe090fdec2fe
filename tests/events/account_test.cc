#include "events/money/account.h"

#include "command.pb.h"
#include "tests/events/wide.h"

#include <doctest/doctest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace vouch;
using vouch::test::kTwoTo128;
using vouch::test::Wide;
using vouch::test::wide;

namespace {

/// What remains on the normal side, by unbounded numbers; may be below zero.
Wide remaining(const Totals& totals, Side normal, const Limit& limit) {
    return wide(totals.posted(normal)) + wide(limit.below_zero()) -
           wide(totals.posted(opposite(normal))) - wide(totals.held(opposite(normal)));
}

void check_against_reference(const Totals& totals, Side normal, const Limit& limit) {
    const Wide rest = remaining(totals, normal, limit);
    REQUIRE(is_within_limit(totals, normal, limit) == (rest >= 0));
    const std::optional<Amount> free = available(totals, normal, limit);
    REQUIRE(free.has_value() == (rest < kTwoTo128));
    if (free) REQUIRE(wide(*free) == (rest < 0 ? Wide(0) : rest));

    const Wide difference = wide(totals.posted(normal)) - wide(totals.posted(opposite(normal)));
    const SignedBalance signed_balance = balance(totals, normal);
    REQUIRE((signed_balance.negative ? -wide(signed_balance.magnitude)
                                     : wide(signed_balance.magnitude)) == difference);
    REQUIRE(signed_balance.negative == (difference < 0));
}

/// Totals of an account of normal side `normal`; what is held on that side must not matter.
Totals make_totals(Side normal, Amount posted, Amount opposite_posted, Amount opposite_held,
                   Amount held) {
    Totals totals;
    totals.posted(normal) = posted;
    totals.held(normal) = held;
    totals.posted(opposite(normal)) = opposite_posted;
    totals.held(opposite(normal)) = opposite_held;
    return totals;
}

void check_all_of(const std::vector<Amount>& values) {
    for (const Side normal : {Side::debit, Side::credit}) {
        for (const Amount posted : values) {
            for (const Amount opposite_posted : values) {
                for (const Amount opposite_held : values) {
                    for (const Amount below_zero : values) {
                        check_against_reference(make_totals(normal, posted, opposite_posted,
                                                            opposite_held, values.back()),
                                                normal, Limit(below_zero));
                    }
                }
            }
        }
    }
}

}  // namespace

TEST_CASE("account: available and limit are right for all small amounts") {
    std::vector<Amount> values;
    for (unsigned i = 0; i < 7; ++i) values.push_back(Amount(i));
    check_all_of(values);
}

TEST_CASE("account: available and limit are right where sums of 128 bits carry") {
    const u128 half = u128{1} << 127;
    const u128 max = Amount::max().units();
    std::vector<Amount> values;
    for (const u128 units : {u128{0}, u128{1}, half - 1, half, half + 1, max - 1, max}) {
        values.push_back(Amount(units));
    }
    check_all_of(values);
}

TEST_CASE("account: available and limit agree with unbounded numbers") {
    constexpr std::uint64_t kSeed = 20264;
    CAPTURE(kSeed);
    std::mt19937_64 random(kSeed);
    const auto amount = [&random] {
        return Amount(Amount::from_halves(random(), random()).units() >> (random() % 4 * 42));
    };
    for (int i = 0; i < 20'000; ++i) {
        const Side normal = random() % 2 == 0 ? Side::debit : Side::credit;
        check_against_reference(make_totals(normal, amount(), amount(), amount(), amount()), normal,
                                Limit(amount()));
    }
}

TEST_CASE("account: an unlimited account is always within its limit and without bound") {
    const Totals totals =
        make_totals(Side::credit, Amount(), Amount::max(), Amount::max(), Amount());
    CHECK(is_within_limit(totals, Side::credit, Limit::unlimited()));
    CHECK_FALSE(available(totals, Side::credit, Limit::unlimited()).has_value());
    CHECK_FALSE(is_within_limit(totals, Side::credit, Limit()));
    CHECK(available(totals, Side::credit, Limit()) == Amount());
}

TEST_CASE("account: words and numbers are the wire's") {
    const auto upper = [](std::string_view word) {
        std::string text(word);
        for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
        return text;
    };
    for (int number = 1; number < v1::AccountClass_ARRAYSIZE; ++number) {
        const auto account_class = static_cast<AccountClass>(number);
        CHECK(v1::AccountClass_Name(number) == "ACCOUNT_CLASS_" + upper(to_text(account_class)));
        CHECK(parse_account_class(to_text(account_class)) == account_class);
    }
    for (int number = 1; number < v1::Block_ARRAYSIZE; ++number) {
        const auto block = static_cast<Block>(number);
        CHECK(v1::Block_Name(number) == "BLOCK_" + upper(to_text(block)));
        CHECK(parse_block(to_text(block)) == block);
    }
    CHECK(parse_block("none") == Block::none);
    CHECK_FALSE(parse_account_class("Asset").has_value());
    CHECK_FALSE(parse_account_class("").has_value());
    CHECK_FALSE(parse_block("debit").has_value());
}

TEST_CASE("account: freezing adds to what is blocked, unfreezing takes away") {
    CHECK((Block::debits | Block::credits) == Block::both);
    CHECK(without(Block::both, Block::debits) == Block::credits);
    CHECK(without(Block::credits, Block::debits) == Block::credits);
    CHECK(blocks(Block::debits, Side::debit));
    CHECK_FALSE(blocks(Block::debits, Side::credit));
    CHECK(to_text(AccountState{Block::none, false}) == "active");
    CHECK(to_text(AccountState{Block::credits, false}) == "frozen");
    CHECK(to_text(AccountState{Block::credits, true}) == "closed");
}
