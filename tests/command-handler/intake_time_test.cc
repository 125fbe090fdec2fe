#include "command-handler/intake/time_text.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

using namespace vouch;
using namespace vouch::command_handler;

TEST_CASE("time_text: durations are whole numbers of one unit") {
    struct Row {
        std::string_view text;
        std::optional<std::uint64_t> microseconds;
    };
    static constexpr Row kRows[] = {
        {"250ms", 250'000},
        {"60s", 60'000'000},
        {"5m", 300'000'000},
        {"2h", 7'200'000'000},
        {"7d", 604'800'000'000},
        {"104249d", 9'007'113'600'000'000},  // the last whole day below 2^53 us
        {"104250d", {}},
        {"9007199254740ms", 9'007'199'254'740'000},
        {"9007199254741ms", {}},
        {"99999999999999999999d", {}},
        {"", {}},
        {"s", {}},
        {"0s", {}},
        {"05s", {}},
        {"60", {}},
        {"1.5h", {}},
        {"-1s", {}},
        {"+1s", {}},
        {" 1s", {}},
        {"1s ", {}},
        {"1 s", {}},
        {"1S", {}},
        {"1us", {}},
        {"1h30m", {}},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.text);
        CHECK(parse_duration(row.text) == row.microseconds);
    }
}

TEST_CASE("time_text: times as RFC 3339 writes them") {
    struct Row {
        std::string_view text;
        std::optional<std::int64_t> microseconds;
    };
    static constexpr Row kRows[] = {
        {"1970-01-01T00:00:00.000001Z", 1},
        {"1970-01-01T00:00:00Z", {}},
        {"2026-01-31T23:59:59Z", 1'769'903'999'000'000},
        {"2026-01-31T23:59:59.5Z", 1'769'903'999'500'000},
        {"2026-01-31T23:59:59.123456Z", 1'769'903'999'123'456},
        {"2026-01-31T23:59:59.1234567Z", {}},
        {"2026-01-31T23:59:59.Z", {}},
        {"2026-02-01T00:59:59+01:00", 1'769'903'999'000'000},
        {"2026-01-31T18:29:59-05:30", 1'769'903'999'000'000},
        {"2024-02-29T00:00:00Z", 1'709'164'800'000'000},
        {"2025-02-29T00:00:00Z", {}},
        {"2026-04-31T00:00:00Z", {}},
        {"2026-13-01T00:00:00Z", {}},
        {"2026-00-01T00:00:00Z", {}},
        {"2026-01-00T00:00:00Z", {}},
        {"2026-01-31T24:00:00Z", {}},
        {"2026-01-31T23:60:00Z", {}},
        {"2026-01-31T23:59:60Z", {}},
        {"2026-01-31T23:59:59", {}},
        {"2026-01-31T23:59Z", {}},
        {"2026-01-31 23:59:59Z", {}},
        {"2026-01-31t23:59:59z", {}},
        {"2026-01-31T23:59:59ZZ", {}},
        {"2026-01-31T23:59:59+0100", {}},
        {"2026-01-31T23:59:59+24:00", {}},
        {"1969-12-31T23:59:59Z", {}},
        {"9999-12-31T23:59:59.999999Z", 253'402'300'799'999'999},
        {"9999-12-31T23:59:59-01:00", {}},
        {"02026-01-31T23:59:59Z", {}},
        {"", {}},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.text);
        const std::optional<Timestamp> time = parse_time(row.text);
        CHECK(time.has_value() == row.microseconds.has_value());
        if (!time || !row.microseconds) continue;
        CHECK(time->value() == *row.microseconds);
        CHECK(parse_time(time_text(*time)) == time);
    }
    CHECK(time_text(Timestamp(1'769'903'999'000'000)) == "2026-01-31T23:59:59Z");
    CHECK(time_text(Timestamp(1'769'903'999'000'120)) == "2026-01-31T23:59:59.000120Z");
}
