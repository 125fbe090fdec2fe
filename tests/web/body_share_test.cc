#include "tools/server/http/wire/connection.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <deque>

// What connections of one thread may keep of bodies in memory.

using namespace vouch::http;

namespace {

constexpr std::size_t kMegabyte = std::size_t{1} << 20;

/// Connections that take as much each, until one gets no room; how many have.
std::size_t fill(std::deque<BodyShare>& taken, std::size_t& kept, std::size_t bytes) {
    for (std::size_t count = 0;; ++count) {
        taken.emplace_back(kept);
        if (!taken.back().has_room_for(bytes)) return count;
        taken.back().set(bytes);
    }
}

}  // namespace

TEST_CASE("body share: large bodies leave room for smaller ones, and all of them are bounded") {
    std::size_t kept = 0;
    std::deque<BodyShare> taken;
    CHECK(fill(taken, kept, 8 * kMegabyte) >= 10);
    CHECK(fill(taken, kept, 2 * kMegabyte) >= 1);
    CHECK(fill(taken, kept, kMegabyte / 2) >= 1);
    CHECK(kept <= kBodyBytesMax);
    // Small ones are bounded by the number of connections.
    CHECK(fill(taken, kept, kBodyBytesSmall + 1) < 10);
    CHECK(taken.back().has_room_for(kBodyBytesSmall));
    // Whoever grows counts as what he is about to have, and gives it back.
    taken.clear();
    CHECK(kept == 0);
    BodyShare alone(kept);
    for (std::size_t bytes = kMegabyte; bytes <= kBodyBytesMax / 2; bytes += kMegabyte) {
        REQUIRE(alone.has_room_for(bytes));
        alone.set(bytes);
    }
    CHECK_FALSE(alone.has_room_for(kBodyBytesMax / 2 + 1));
}
