#include "events/money/day.h"

#include <algorithm>
#include <chrono>

namespace vouch {
namespace {

constexpr std::string_view kPattern = "0000-00-00";

std::string padded(unsigned number, std::size_t digits) {
    const std::string text = std::to_string(number);
    return std::string(digits - std::min(digits, text.size()), '0') + text;
}

}  // namespace

std::optional<Day> parse_day(std::string_view text) {
    if (text.size() != kPattern.size()) return std::nullopt;
    unsigned parts[] = {0, 0, 0};
    std::size_t part = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (kPattern[i] == '-') {
            if (text[i] != '-') return std::nullopt;
            ++part;
        } else {
            if (text[i] < '0' || text[i] > '9') return std::nullopt;
            parts[part] = parts[part] * 10 + static_cast<unsigned>(text[i] - '0');
        }
    }
    const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(parts[0])),
                                           std::chrono::month(parts[1]),
                                           std::chrono::day(parts[2]));
    if (!date.ok()) return std::nullopt;
    const auto days = std::chrono::sys_days(date).time_since_epoch().count();
    if (days <= 0) return std::nullopt;
    return Day(static_cast<std::uint32_t>(days));
}

std::string to_text(Day day) {
    const std::chrono::year_month_day date{
        std::chrono::sys_days(std::chrono::days(static_cast<int>(day.value())))};
    return padded(static_cast<unsigned>(static_cast<int>(date.year())), 4) + "-" +
           padded(static_cast<unsigned>(date.month()), 2) + "-" +
           padded(static_cast<unsigned>(date.day()), 2);
}

}  // namespace vouch
