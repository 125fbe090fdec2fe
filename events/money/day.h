#pragma once

#include "events/money/number.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vouch {

/// A day of the calendar, counted from 1970-01-01, which is 0 and stands for none where a day may
/// be left out.
using Day = Number<struct DayTag, std::uint32_t>;

/// 9999-12-31.
inline constexpr Day kDayMax{2'932'896};

/// "2026-01-31": a day after 1970-01-01 and before the year 10000. Empty for anything else.
std::optional<Day> parse_day(std::string_view text);

/// The same back. For days up to kDayMax.
std::string to_text(Day day);

}  // namespace vouch
