#include "events/money/amount.h"

#include "tests/events/wide.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>

using namespace vouch;
using vouch::test::kTwoTo128;
using vouch::test::Wide;
using vouch::test::wide;

namespace {

constexpr std::string_view kMaxUnits = "340282366920938463463374607431768211455";

std::string to_text(AmountFault fault) {
    switch (fault) {
        case AmountFault::not_a_decimal:
            return "not_a_decimal";
        case AmountFault::too_many_decimals:
            return "too_many_decimals";
        case AmountFault::out_of_range:
            return "out_of_range";
    }
    return "unknown";
}

/// "1234 (2)" for the units and the places written, or the name of the fault.
std::string read(std::string_view text, unsigned scale) {
    const ParsedAmount parsed = parse_amount(text, Scale(static_cast<Scale::rep>(scale)));
    if (!parsed.amount) return to_text(parsed.fault);
    return wide(*parsed.amount).str() + " (" + std::to_string(parsed.decimals.value()) + ")";
}

/// An amount whose number of bits is itself random, so that small and great ones both occur.
Amount random_amount(std::mt19937_64& random) {
    const auto bits = static_cast<unsigned>(random() % 129);
    const Amount all = Amount::from_halves(random(), random());
    return bits == 0 ? Amount() : Amount(all.units() >> (128 - bits));
}

}  // namespace

TEST_CASE("amount: a decimal is read exactly, anything else is refused with its fault") {
    struct Row {
        std::string_view text;
        unsigned scale;
        std::string_view expected;
    };
    const Row rows[] = {
        {"0", 2, "0 (0)"},
        {"0.00", 2, "0 (2)"},
        {"100.00", 2, "10000 (2)"},
        {"100.5", 2, "10050 (1)"},
        {"100", 2, "10000 (0)"},
        {"0.01", 2, "1 (2)"},
        {"7", 0, "7 (0)"},
        {"10", 0, "10 (0)"},
        {"0.000000000000000001", 18, "1 (18)"},
        {"1.230", 3, "1230 (3)"},

        {"", 2, "not_a_decimal"},
        {".", 2, "not_a_decimal"},
        {".5", 2, "not_a_decimal"},
        {"5.", 2, "not_a_decimal"},
        {"00", 2, "not_a_decimal"},
        {"01", 2, "not_a_decimal"},
        {"00.5", 2, "not_a_decimal"},
        {"-1", 2, "not_a_decimal"},
        {"+1", 2, "not_a_decimal"},
        {"1e2", 2, "not_a_decimal"},
        {"1.0e2", 5, "not_a_decimal"},
        {" 1", 2, "not_a_decimal"},
        {"1 ", 2, "not_a_decimal"},
        {"1\n", 2, "not_a_decimal"},
        {"1,00", 2, "not_a_decimal"},
        {"1.0.0", 3, "not_a_decimal"},
        {"0x10", 2, "not_a_decimal"},
        {"１", 2, "not_a_decimal"},
        {"inf", 2, "not_a_decimal"},
        {std::string_view("1\0", 2), 2, "not_a_decimal"},

        // Nothing is rounded, not even zeros off.
        {"1.000", 2, "too_many_decimals"},
        {"1.001", 2, "too_many_decimals"},
        {"1.0", 0, "too_many_decimals"},
        {"0.0000000000000000001", 18, "too_many_decimals"},

        {kMaxUnits, 0, "340282366920938463463374607431768211455 (0)"},
        {"340282366920938463463374607431768211456", 0, "out_of_range"},
        {"340282366920938463463374607431768211460", 0, "out_of_range"},
        {"3402823669209384634633746074317682114550", 0, "out_of_range"},
        {"3402823669209384634633746074317682114.55", 2,
         "340282366920938463463374607431768211455 (2)"},
        {"3402823669209384634633746074317682114.56", 2, "out_of_range"},
        {"3402823669209384634633746074317682114.6", 2, "out_of_range"},
        {"3402823669209384634633746074317682115", 2, "out_of_range"},
        {"340282366920938463463.374607431768211455", 18,
         "340282366920938463463374607431768211455 (18)"},
        {"340282366920938463463.374607431768211456", 18, "out_of_range"},
        {"340282366920938463464", 18, "out_of_range"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CAPTURE(row.scale);
        CHECK(read(row.text, row.scale) == row.expected);
    }
}

TEST_CASE("amount: a text of any length is read to its end") {
    const std::string many_places = "0." + std::string(1000, '0');
    CHECK(read(many_places, 18) == "too_many_decimals");
    CHECK(parse_amount(many_places, Scale(18)).decimals == Scale(255));
    CHECK(read("1" + std::string(100'000, '0'), 0) == "out_of_range");
    CHECK(read("1" + std::string(100'000, '0') + "x", 0) == "not_a_decimal");
}

TEST_CASE("amount: text has as many places as the scale") {
    struct Row {
        Amount amount;
        unsigned scale;
        std::string_view expected;
    };
    const Row rows[] = {
        {Amount(), 0, "0"},
        {Amount(), 2, "0.00"},
        {Amount(1), 2, "0.01"},
        {Amount(1234), 2, "12.34"},
        {Amount(100), 2, "1.00"},
        {Amount(1234), 0, "1234"},
        {Amount(1), 18, "0.000000000000000001"},
        {Amount::max(), 0, kMaxUnits},
        {Amount::max(), 18, "340282366920938463463.374607431768211455"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.expected);
        CHECK(to_text(row.amount, Scale(static_cast<Scale::rep>(row.scale))) == row.expected);
    }
}

TEST_CASE("amount: what is written is read back, at every scale") {
    constexpr std::uint64_t kSeed = 20261;
    CAPTURE(kSeed);
    std::mt19937_64 random(kSeed);
    for (int i = 0; i < 20'000; ++i) {
        const Amount amount = random_amount(random);
        const Scale scale(static_cast<Scale::rep>(random() % (kScaleMax.value() + 1U)));
        const std::string text = to_text(amount, scale);
        CAPTURE(text);
        const ParsedAmount parsed = parse_amount(text, scale);
        REQUIRE(parsed.amount == amount);
        REQUIRE(parsed.decimals == scale);

        std::string digits = text;
        std::erase(digits, '.');
        digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
        REQUIRE(digits == wide(amount).str());
    }
}

TEST_CASE("amount: the range ends exactly at 2^128 - 1, from both sides") {
    for (int distance = -50; distance <= 50; ++distance) {
        const Wide units = kTwoTo128 + distance;
        CAPTURE(distance);
        const ParsedAmount parsed = parse_amount(units.str(), Scale(0));
        REQUIRE(parsed.amount.has_value() == (distance < 0));
        if (parsed.amount) CHECK(wide(*parsed.amount) == units);
    }
}

TEST_CASE("amount: plus and minus agree with unbounded numbers") {
    constexpr std::uint64_t kSeed = 20262;
    CAPTURE(kSeed);
    std::mt19937_64 random(kSeed);
    const auto check = [](Amount a, Amount b) {
        const Wide sum = wide(a) + wide(b);
        const std::optional<Amount> plus = a.plus(b);
        REQUIRE(plus.has_value() == (sum < kTwoTo128));
        if (plus) REQUIRE(wide(*plus) == sum);
        const std::optional<Amount> minus = a.minus(b);
        REQUIRE(minus.has_value() == (wide(a) >= wide(b)));
        if (minus) REQUIRE(wide(*minus) == wide(a) - wide(b));
    };
    for (int i = 0; i < 20'000; ++i) check(random_amount(random), random_amount(random));
    for (const Amount edge : {Amount(), Amount(1), Amount::max()}) {
        check(edge, Amount::max());
        check(Amount::max(), edge);
        check(edge, edge);
    }
}
