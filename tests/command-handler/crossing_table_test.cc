#include "command-handler/core/crossing_table.h"

#include <doctest/doctest.h>

#include <cstddef>

namespace {

using namespace vouch;
using namespace vouch::command_handler;

constexpr std::size_t kLong = 60'000;

CrossingKey key(std::uint64_t id) { return {LedgerId(0), CommandId(1, id)}; }

Crossing crossing(std::size_t bytes) {
    Crossing made;
    made.command.resize(bytes);
    return made;
}

}  // namespace

TEST_CASE("crossing table: the bytes are those of the commands that are in transit") {
    AccountTable accounts;
    CrossingTable table(accounts);
    table.add(key(1), crossing(100));
    table.add(key(2), crossing(kLong));
    CHECK(table.command_bytes() == 100 + kLong);
    const auto taken = table.take(key(2));
    REQUIRE(taken);
    CHECK(table.command_bytes() == 100);
    table.put_back(*taken);
    CHECK(table.command_bytes() == 100 + kLong);
    CHECK_FALSE(table.take(key(3)));
    CHECK(table.take(key(2)));
    CHECK(table.take(key(1)));
    CHECK(table.command_bytes() == 0);
}

TEST_CASE("crossing table: a free place keeps the memory of a short command alone") {
    AccountTable accounts;
    CrossingTable table(accounts);
    const CrossingTable::Place place = table.add(key(1), crossing(100));
    const CrossingTable::Place long_place = table.add(key(2), crossing(kLong));
    table.free(*table.take(key(1)));
    table.free(*table.take(key(2)));
    CHECK(table.at(place).command.capacity() >= 100);
    CHECK(table.at(long_place).command.capacity() <= CrossingTable::kKeptBytesMax);
}
