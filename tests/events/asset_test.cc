#include "events/money/asset.h"

#include "tests/support/shared_data.h"

#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

using namespace vouch;

namespace {

std::string read(std::string_view text) {
    const std::optional<Asset> asset = Asset::parse(text);
    return asset ? asset->text() : "none";
}

std::string random_code(std::mt19937_64& random) {
    constexpr std::string_view kCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    std::string code(1, kCharacters[random() % 26]);
    const std::size_t more = random() % Asset::kCodeMax;
    // From few characters, so that codes share beginnings.
    while (code.size() < 1 + more) code.push_back(kCharacters[25 + random() % 3]);
    return code;
}

/// The last four columns of the ISO list, which never hold a comma: code, number, minor unit, and
/// date of withdrawal. Empty for a line without them.
std::optional<std::vector<std::string>> last_columns(std::string line) {
    if (line.ends_with('\r')) line.pop_back();
    std::vector<std::string> columns(4);
    for (std::size_t i = columns.size(); i-- > 0;) {
        const std::size_t comma = line.rfind(',');
        if (comma == std::string::npos) return std::nullopt;
        columns[i] = line.substr(comma + 1);
        line.resize(comma);
    }
    return columns;
}

}  // namespace

TEST_CASE("asset: text is read exactly") {
    struct Row {
        std::string_view text;
        std::string_view expected;
    };
    const Row rows[] = {
        {"EUR/2", "EUR/2"},
        {"EUR", "EUR/2"},
        {"JPY", "JPY/0"},
        {"BHD", "BHD/3"},
        {"CLF", "CLF/4"},
        {"USD/4", "USD/4"},
        {"A/0", "A/0"},
        {"Z9/18", "Z9/18"},
        {"ABCDEFGHIJKLMNOPQ/18", "ABCDEFGHIJKLMNOPQ/18"},
        {"A0123456789012345/0", "A0123456789012345/0"},
        {"XAU/6", "XAU/6"},

        {"ABCDEFGHIJKLMNOPQR/2", "none"},
        {"", "none"},
        {"/2", "none"},
        {"EUR/", "none"},
        {"EUR/19", "none"},
        {"EUR/02", "none"},
        {"EUR/00", "none"},
        {"EUR/-1", "none"},
        {"EUR/+1", "none"},
        {"EUR/2 ", "none"},
        {"EUR/2/2", "none"},
        {"EUR/100", "none"},
        {"EUR/1x", "none"},
        {"eur/2", "none"},
        {"eur", "none"},
        {"1EUR/2", "none"},
        {"E_R/2", "none"},
        {"EÜR/2", "none"},
        // ISO has no minor units for gold and test codes, so whoever uses them says the scale.
        {"XAU", "none"},
        {"XTS", "none"},
        {"XXX", "none"},
        {"POINTS", "none"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK(read(row.text) == row.expected);
    }
}

TEST_CASE("asset: make refuses scales past 18") {
    CHECK(Asset::make("EUR", Scale(18)).has_value());
    CHECK_FALSE(Asset::make("EUR", Scale(19)).has_value());
    CHECK_FALSE(Asset::make("EUR", Scale(255)).has_value());
}

TEST_CASE("asset: packing keeps every code and scale, and their order") {
    constexpr std::uint64_t kSeed = 20263;
    CAPTURE(kSeed);
    std::mt19937_64 random(kSeed);
    const auto make = [&random](std::string& code, Scale& scale) {
        code = random_code(random);
        scale = Scale(static_cast<Scale::rep>(random() % 19));
        return Asset::make(code, scale);
    };
    for (int i = 0; i < 20'000; ++i) {
        std::string code_a;
        std::string code_b;
        Scale scale_a;
        Scale scale_b;
        const std::optional<Asset> a = make(code_a, scale_a);
        const std::optional<Asset> b = make(code_b, scale_b);
        REQUIRE(a.has_value());
        REQUIRE(b.has_value());
        REQUIRE(a->code() == code_a);
        REQUIRE(a->scale() == scale_a);
        CAPTURE(a->text());
        CAPTURE(b->text());
        REQUIRE((*a <=> *b) == (std::tuple(code_a, scale_a) <=> std::tuple(code_b, scale_b)));
    }
}

TEST_CASE("asset: the packed form is fixed") {
    // E, U, R are 15, 31, 28: 001111 011111 011100, then zeros, then the scale.
    const std::optional<Asset> eur = Asset::parse("EUR/2");
    REQUIRE(eur.has_value());
    CHECK(eur->high() == 0b001111'011111'011100ULL << 46);
    CHECK(eur->low() == 2);
    const std::optional<Asset> longest = Asset::parse("AAAAAAAAAAAAAAAA9/18");
    REQUIRE(longest.has_value());
    // A is 11 and 9 is 10; the halves part within the eleventh character.
    CHECK(longest->high() == 0x2cb2cb2cb2cb2cb2);
    CHECK(longest->low() == 0xcb2cb2cb28000012);
}

TEST_CASE("asset: ISO 4217 minor units agree with the published list") {
    const auto path = test::find_shared_data("money/iso4217_codes_all.csv");
    if (!path) return;
    // Of each code: its minor unit, "-" for none, "" when the list has it as withdrawn only.
    std::map<std::string, std::string> published;
    std::ifstream file(*path);
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        const std::optional<std::vector<std::string>> columns = last_columns(line);
        REQUIRE(columns.has_value());
        const std::string& code = columns->at(0);
        const std::string& minor_unit = columns->at(2);
        if (code.empty()) continue;
        std::string& known = published[code];
        if (!minor_unit.empty()) known = minor_unit;
    }
    CHECK(published.size() > 250);

    // Every possible code, so that nothing is in our table that ISO never had.
    unsigned in_force = 0;
    for (std::string code = "AAA"; code[0] <= 'Z'; ++code[0]) {
        for (code[1] = 'A'; code[1] <= 'Z'; ++code[1]) {
            for (code[2] = 'A'; code[2] <= 'Z'; ++code[2]) {
                const std::optional<Scale> ours = iso4217_scale(code);
                const auto found = published.find(code);
                CAPTURE(code);
                if (found == published.end() || found->second == "-") {
                    REQUIRE_FALSE(ours.has_value());
                } else if (!found->second.empty()) {
                    REQUIRE(ours.has_value());
                    REQUIRE(std::to_string(ours->value()) == found->second);
                    ++in_force;
                }
            }
        }
    }
    CHECK(in_force > 150);
}

TEST_CASE("asset: a code keeps its minor units after its withdrawal") {
    CHECK(iso4217_scale("HRK") == Scale(2));
    CHECK(iso4217_scale("BYR") == Scale(0));
    CHECK_FALSE(iso4217_scale("EU").has_value());
    CHECK_FALSE(iso4217_scale("EURO").has_value());
    CHECK_FALSE(iso4217_scale("UR ").has_value());
}
