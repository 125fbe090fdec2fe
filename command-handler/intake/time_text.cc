#include "command-handler/intake/time_text.h"

#include "events/check.h"
#include "events/entries/command.h"
#include "events/money/rfc3339.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace vouch::command_handler {

namespace {

constexpr std::int64_t kMicrosecondsPerSecond = 1'000'000;
constexpr std::size_t kDecimalsMax = 6;
/// 9999-12-31T23:59:59.999999Z
constexpr std::int64_t kTimeMax = 253'402'300'799'999'999;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes exactly `digits` digits off the front of `text`.
std::optional<unsigned> take_digits(std::string_view& text, std::size_t digits) {
    if (text.size() < digits) return std::nullopt;
    unsigned value = 0;
    for (const char c : text.substr(0, digits)) {
        if (!is_digit(c)) return std::nullopt;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, char expected) {
    if (text.empty() || text.front() != expected) return false;
    text.remove_prefix(1);
    return true;
}

/// The decimals after a second's point, in microseconds.
std::optional<unsigned> take_decimals(std::string_view& text) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
    const auto count = static_cast<std::size_t>(end - text.begin());
    if (count == 0 || count > kDecimalsMax) return std::nullopt;
    std::optional<unsigned> value = take_digits(text, count);
    for (std::size_t i = count; i < kDecimalsMax; ++i) *value *= 10;
    return value;
}

/// `Z` or `+hh:mm`, in seconds east of Greenwich.
std::optional<int> take_offset(std::string_view& text) {
    if (take(text, 'Z')) return 0;
    const bool east = take(text, '+');
    if (!east && !take(text, '-')) return std::nullopt;
    const std::optional<unsigned> hours = take_digits(text, 2);
    if (!hours || *hours > 23 || !take(text, ':')) return std::nullopt;
    const std::optional<unsigned> minutes = take_digits(text, 2);
    if (!minutes || *minutes > 59) return std::nullopt;
    const int seconds = static_cast<int>(*hours * 3600 + *minutes * 60);
    return east ? seconds : -seconds;
}

}  // namespace

// kDurationExpected says how many days.
static_assert(kExpiresInMax / 86'400'000'000U == 104'249);

std::optional<std::uint64_t> parse_duration(std::string_view text) {
    struct Unit {
        std::string_view name;
        std::uint64_t microseconds;
    };
    static constexpr std::array kUnits = {
        Unit{"ms", 1'000},         Unit{"s", 1'000'000},       Unit{"m", 60'000'000},
        Unit{"h", 3'600'000'000U}, Unit{"d", 86'400'000'000U},
    };
    const auto digits_end = std::find_if_not(text.begin(), text.end(), is_digit);
    const auto digits = static_cast<std::size_t>(digits_end - text.begin());
    // 16 digits hold every count that can be in range and cannot overflow while they are read.
    if (digits == 0 || digits > 16 || text.front() == '0') return std::nullopt;
    std::uint64_t count = 0;
    for (const char c : text.substr(0, digits)) count = count * 10 + static_cast<unsigned>(c - '0');
    for (const Unit& unit : kUnits) {
        if (text.substr(digits) != unit.name) continue;
        if (count > kExpiresInMax / unit.microseconds) return std::nullopt;
        return count * unit.microseconds;
    }
    return std::nullopt;
}

std::optional<Timestamp> parse_time(std::string_view text) {
    const std::optional<unsigned> year = take_digits(text, 4);
    if (!year || !take(text, '-')) return std::nullopt;
    const std::optional<unsigned> month = take_digits(text, 2);
    if (!month || !take(text, '-')) return std::nullopt;
    const std::optional<unsigned> day = take_digits(text, 2);
    if (!day || !take(text, 'T')) return std::nullopt;
    const std::optional<unsigned> hour = take_digits(text, 2);
    if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
    const std::optional<unsigned> minute = take_digits(text, 2);
    if (!minute || *minute > 59 || !take(text, ':')) return std::nullopt;
    const std::optional<unsigned> second = take_digits(text, 2);
    if (!second || *second > 59) return std::nullopt;
    std::optional<unsigned> microseconds = 0U;
    if (take(text, '.')) microseconds = take_decimals(text);
    if (!microseconds) return std::nullopt;
    const std::optional<int> offset = take_offset(text);
    if (!offset || !text.empty()) return std::nullopt;

    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                           std::chrono::month(*month), std::chrono::day(*day)};
    if (!date.ok()) return std::nullopt;
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    const std::int64_t seconds = days * 86'400 + *hour * 3'600 + *minute * 60 + *second - *offset;
    const std::int64_t time = seconds * kMicrosecondsPerSecond + *microseconds;
    if (time <= 0 || time > kTimeMax) return std::nullopt;
    return Timestamp(time);
}

std::string time_text(Timestamp time) {
    VOUCH_ASSERT(time.value() >= 0 && time.value() <= kTimeMax);
    std::string text = to_rfc3339(time);
    if (time.value() % kMicrosecondsPerSecond == 0) text.erase(text.find('.'), 1 + kDecimalsMax);
    return text;
}

}  // namespace vouch::command_handler
