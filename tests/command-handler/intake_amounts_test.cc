#include "command-handler/intake/amount_scale.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

using namespace vouch;
using namespace vouch::command_handler;

namespace {

struct Written {
    std::string_view text;
    Certainty certainty = Certainty::unknown;
    std::string_view asset = "EUR/2";
};

/// "1000 250" as units, "decimals 2" behind when the command must carry them; or why not.
std::string read(const std::vector<Written>& list) {
    std::vector<WrittenAmount> amounts;
    for (const Written& written : list) {
        AccountFact account{.certainty = written.certainty, .asset = {}};
        if (written.certainty != Certainty::unknown)
            account.asset = Asset::parse(written.asset).value();
        amounts.push_back({.text = written.text, .account = account, .amount = {}});
    }
    const auto result = read_amounts(amounts);
    if (std::holds_alternative<AmountsUncertain>(result)) return "uncertain";
    if (const auto* wrong = std::get_if<AmountWrong>(&result)) {
        return std::to_string(wrong->position) + ": " + wrong->detail;
    }
    std::string text;
    for (const WrittenAmount& amount : amounts) text += to_text(amount.amount, Scale(0)) + " ";
    if (const auto decimals = std::get<AmountsRead>(result).decimals) {
        text += "decimals " + std::to_string(decimals->value());
    }
    return text;
}

constexpr Certainty kUnknown = Certainty::unknown;
constexpr Certainty kRefused = Certainty::refused;
constexpr Certainty kLikely = Certainty::likely;
constexpr Certainty kCertain = Certainty::certain;

}  // namespace

TEST_CASE(
    "amount_scale: an amount is read at its account's scale, or carries the scale it was read at") {
    struct Row {
        std::vector<Written> amounts;
        std::string_view expected;
    };
    const std::vector<Row> rows = {
        // The books know the account: its scale, and nothing to carry.
        {{{"10.00", kCertain}}, "1000 "},
        {{{"10", kCertain}}, "1000 "},
        {{{"0.01", kCertain}}, "1 "},
        {{{"0", kCertain}}, "0 "},
        {{{"1000", kCertain, "JPY/0"}}, "1000 "},
        {{{"1.000000000000000001", kCertain, "WEI/18"}}, "1000000000000000001 "},
        {{{"10.001", kCertain}}, "0: at most 2 decimals for EUR/2"},
        {{{"1.5", kCertain, "JPY/0"}}, "0: at most 0 decimals for JPY/0"},
        // Never rounded, not even zeros.
        {{{"10.000", kCertain}}, "0: at most 2 decimals for EUR/2"},
        // An earlier line says so: the handler must not book it at another scale.
        {{{"10.00", kLikely}}, "1000 decimals 2"},
        {{{"10.001", kLikely}}, "uncertain"},
        {{{"ten", kLikely}},
         "0: expected a decimal such as 10.00: no sign, exponent, blank or leading zero"},
        // Nobody knows the account: as written.
        {{{"10.00", kUnknown}}, "1000 decimals 2"},
        {{{"10", kUnknown}}, "10 decimals 0"},
        {{{"1.0000000000000000001", kUnknown}}, "0: at most 18 decimals"},
        {{{"10", kUnknown}, {"2.5", kUnknown}}, "100 25 decimals 1"},
        // A line said so and was refused: read alike, and never booked at a scale that nobody
        // confirmed.
        {{{"10.00", kRefused}}, "1000 decimals 2"},
        {{{"10.001", kRefused}}, "0: at most 2 decimals for EUR/2"},
        {{{"10.00", kRefused}, {"1600", kCertain, "JPY/0"}}, "1000 1600 decimals 2"},
        {{{"1.50", kRefused}, {"240", kRefused, "JPY/0"}}, "150 24000 decimals 2"},
        {{{"1.00", kRefused}, {"1.000", kUnknown}}, "1000 1000 decimals 3"},
        {{{"1.50", kRefused}, {"240", kLikely, "JPY/0"}}, "uncertain"},
        {{{"1.00", kLikely}, {"1.000", kUnknown}}, "uncertain"},
        {{{"1.00", kLikely}, {"1", kUnknown}}, "100 100 decimals 2"},
        // One of an entry is unknown: the others' scale, if it fits.
        {{{"10.00", kCertain}, {"10", kUnknown}}, "1000 1000 decimals 2"},
        {{{"10.00", kCertain}, {"10.001", kUnknown}}, "1000 10001 decimals 3"},
        // Several scales cannot be carried.
        {{{"10.00", kCertain}, {"1600", kCertain, "JPY/0"}}, "1000 1600 "},
        {{{"10.00", kCertain}, {"1600", kLikely, "JPY/0"}}, "uncertain"},
        {{{"10.00", kLikely}, {"1600", kLikely, "JPY/0"}}, "uncertain"},
        {{{"10.00", kLikely}, {"7.50", kCertain, "USD/2"}}, "1000 750 decimals 2"},
        {{{"1.00", kCertain}, {"160", kCertain, "JPY/0"}, {"2.5", kUnknown}},
         "100 160 25 decimals 1"},
    };
    for (const Row& row : rows) {
        std::string shown;
        for (const Written& amount : row.amounts) shown += std::string(amount.text) + " ";
        CAPTURE(shown);
        CHECK(read(row.amounts) == row.expected);
    }
}

TEST_CASE("amount_scale: what is no decimal, and what is too much") {
    for (const std::string_view bad : {"", ".5", "5.", "01", "00", "-1", "+1", "1e3", "1,000", " 1",
                                       "1 ", "0x10", "NaN", "unlimited", "1.2.3", "1\n", "١"}) {
        CAPTURE(bad);
        for (const Certainty certainty : {kUnknown, kRefused, kLikely, kCertain}) {
            CHECK(read({{bad, certainty}}) ==
                  "0: expected a decimal such as 10.00: no sign, exponent, blank or leading zero");
        }
    }
    const std::string_view most = "3402823669209384634633746074317682114.55";
    CHECK(read({{most, kCertain}}) == "340282366920938463463374607431768211455 ");
    CHECK(read({{"3402823669209384634633746074317682114.56", kCertain}}) ==
          "0: expected less than 2^128 of the asset's smallest unit");
    CHECK(read({{"9999999999999999999999999999999999999999999999999999", kUnknown}}) ==
          "0: expected less than 2^128 of the asset's smallest unit");
}
