#include "command-handler/core/hold_table.h"
#include "command-handler/core/transit_table.h"
#include "command-handler/shard/locator.h"
#include "events/money/keyed_hash.h"
#include "tests/support/chosen_ids.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <set>
#include <vector>

// Ids that somebody chose so that plain hashes of them collide, against the hashes of the tables.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;

constexpr unsigned kBucketBits = 16;
constexpr std::size_t kIds = std::size_t{1} << kBucketBits;
// Of so many ids thrown at random into as many buckets one has 9 or so; the chance of 24 is below
// 1e-19.
constexpr std::size_t kLoadMax = 24;

std::size_t fullest(const std::vector<std::uint64_t>& hashes, unsigned shift) {
    std::vector<std::size_t> loads(kIds);
    for (const std::uint64_t hash : hashes) ++loads[(hash >> shift) % kIds];
    return *std::max_element(loads.begin(), loads.end());
}

void check_spread(const std::function<std::uint64_t(CommandId)>& hash_of) {
    for (const IdFamily& family : kIdFamilies) {
        CAPTURE(family.name);
        std::set<CommandId> ids;
        for (std::uint64_t i = 0; i < kIds; ++i) ids.insert(family.make(i));
        std::vector<std::uint64_t> hashes;
        for (const CommandId& id : ids) hashes.push_back(hash_of(id));
        // Tables take their places from the low bits or from the high ones, and tell keys of one
        // place apart by others.
        for (const unsigned shift : {0U, 32U, 64 - kBucketBits})
            CHECK(fullest(hashes, shift) <= kLoadMax);
        std::sort(hashes.begin(), hashes.end());
        CHECK(std::adjacent_find(hashes.begin(), hashes.end()) == hashes.end());
    }
}

}  // namespace

TEST_CASE(
    "keyed tables: chosen ids spread as any others over holds and commands in transit" *
    doctest::test_suite("same-threads")) {
    check_spread([](CommandId id) { return HoldKeyHash{}({LedgerId(3), id}); });
}

TEST_CASE(
    "keyed tables: chosen ids spread as any others over facts and their filter" *
    doctest::test_suite("same-threads")) {
    for (const FactKind kind : {FactKind::command, FactKind::closed_hold})
        check_spread([&](CommandId id) { return fact_hash({kind, LedgerId(0), id}); });
}

TEST_CASE(
    "keyed tables: chosen ids spread as any others over accounts and std containers" *
    doctest::test_suite("same-threads")) {
    check_spread([](CommandId id) {
        return keyed_hash(HashKey::of_process(), LedgerId(1), AccountId(id.high(), id.low()));
    });
    check_spread([](CommandId id) { return std::hash<CommandId>{}(id); });
}

TEST_CASE("keyed tables: contents are told apart by each word and its place") {
    const HashKey key(4711);
    std::set<std::uint64_t> seen;
    std::size_t contents = 0;
    for (std::uint64_t a = 0; a < 30; ++a) {
        for (std::uint64_t b = 0; b < 30; ++b) {
            // A word that turned a factor of the sum into zero would hide what came before it.
            for (const std::uint64_t last : {std::uint64_t{0}, kGolden, kGolden << 32}) {
                KeyedHash hash(key);
                hash.add(a);
                hash.add(b * kGolden);
                for (int i = 0; i < 70; ++i) hash.add(last);
                seen.insert(hash.value());
                ++contents;
            }
        }
    }
    CHECK(seen.size() == contents);
}

TEST_CASE("keyed tables: another key is another hash, and a process keeps its own") {
    const CommandId id(1, 2);
    CHECK(keyed_hash(HashKey(1), LedgerId(0), id) != keyed_hash(HashKey(2), LedgerId(0), id));
    CHECK(keyed_hash(HashKey(1), LedgerId(0), id) == keyed_hash(HashKey(1), LedgerId(0), id));
    CHECK(&HashKey::of_process() == &HashKey::of_process());
}
