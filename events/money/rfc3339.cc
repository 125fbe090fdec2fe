#include "events/money/rfc3339.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>

namespace vouch {

std::string to_rfc3339(Timestamp time) {
    using namespace std::chrono;
    constexpr std::int64_t kSecond = 1'000'000;
    constexpr std::int64_t kFirst = -62'135'596'800 * kSecond;     // 0001-01-01T00:00:00Z
    constexpr std::int64_t kLast = 253'402'300'800 * kSecond - 1;  // 9999-12-31T23:59:59.999999Z
    const sys_time<microseconds> point{microseconds(std::clamp(time.value(), kFirst, kLast))};
    const sys_days day = floor<days>(point);
    const year_month_day date(day);
    const hh_mm_ss of_day(point - day);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(of_day.hours().count()),
                  static_cast<int>(of_day.minutes().count()),
                  static_cast<int>(of_day.seconds().count()),
                  static_cast<int>(of_day.subseconds().count()));
    return text.data();
}

}  // namespace vouch
