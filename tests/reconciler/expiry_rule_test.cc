#include "reconciler/rules/expiry.h"

#include "events/entries/command.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

using namespace vouch;

TEST_CASE("expiry: so long behind the time, and never behind the last there is") {
    constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
    constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
    struct Row {
        std::int64_t time;
        std::uint64_t expires_in_us;
        std::int64_t expected;
    };
    const Row rows[] = {
        {1'000, 60, 1'060},
        {-100, 60, -40},
        {-100, 160, 60},
        {kLast - 60, 60, kLast},
        {kLast - 60, 61, kLast},
        {kLast, kExpiresInMax, kLast},
        {kFirst, kExpiresInMax, kFirst + static_cast<std::int64_t>(kExpiresInMax)},
    };
    for (const Row& row : rows) {
        CAPTURE(row.time);
        CAPTURE(row.expires_in_us);
        CHECK(reconciler::expiry_of(Timestamp(row.time), row.expires_in_us).value() ==
              row.expected);
    }
}
