#include "events/money/day.h"

#include <doctest/doctest.h>

#include <string_view>

namespace vouch {

TEST_CASE("day: text and back") {
    struct Row {
        std::string_view text;
        std::uint32_t days;
    };
    // Days as `date -d … +%s` counts them, divided by 86,400.
    const Row rows[] = {
        {"1970-01-02", 1},      {"1999-12-31", 10'956}, {"2000-02-29", 11'016},
        {"2026-01-01", 20'454}, {"2024-12-31", 20'088}, {"9999-12-31", 2'932'896},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK(parse_day(row.text) == Day(row.days));
        CHECK(to_text(Day(row.days)) == row.text);
    }
    CHECK(parse_day("9999-12-31") == kDayMax);
}

TEST_CASE("day: what is no day of the calendar") {
    for (const std::string_view text :
         {"", "1970-01-01", "1969-12-31", "2026-02-29", "2100-02-29", "2026-13-01", "2026-00-10",
          "2026-01-00", "2026-04-31", "2026-1-01", "2026-01-1", "20260101", "2026/01/01",
          "2026-01-01Z", " 2026-01-01", "26-01-01", "+026-01-01", "2026-01-0a", "0000-01-01"}) {
        CAPTURE(text);
        CHECK(!parse_day(text));
    }
}

}  // namespace vouch
