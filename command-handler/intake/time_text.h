#pragma once

#include "events/money/number.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vouch::command_handler {

/// A whole number of one unit, "250ms", "60s", "5m", "2h" or "7d", in microseconds. Empty for
/// anything else, for zero, and above kExpiresInMax (2^53 microseconds, 285 years).
std::optional<std::uint64_t> parse_duration(std::string_view text);
/// What to say of one that is none.
inline constexpr std::string_view kDurationExpected =
    "expected a duration above zero such as 250ms, 60s, 5m, 2h or 7d, of at most 104249d";

/// An RFC 3339 date and time with `Z` or an offset and at most six decimals of a second (nothing is
/// rounded), after 1970-01-01T00:00:00Z and before the year 10000. No leap seconds: record times do
/// not have them. Empty for anything else.
std::optional<Timestamp> parse_time(std::string_view text);
/// What to say of one that is none.
inline constexpr std::string_view kTimeExpected =
    "expected a time such as 2026-01-31T23:59:59Z, after 1970-01-01T00:00:00Z and before the year "
    "10000";

/// "2026-01-31T23:59:59Z", with decimals only when there are any (then six). Inverse of parse_time.
std::string time_text(Timestamp time);

}  // namespace vouch::command_handler
