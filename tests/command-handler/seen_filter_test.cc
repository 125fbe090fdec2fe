#include "command-handler/shard/seen_filter.h"

#include "command-handler/shard/locator.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::command_handler;

const HashKey kKey(0x1234'5678'9abc'def1ULL);

/// How producers make ids: each of them must spread over the filter alike.
struct IdShape {
    const char* name;
    std::function<FactKey(std::uint64_t)> make;
};

const std::vector<IdShape>& id_shapes() {
    static const std::vector<IdShape> shapes = {
        {"counted in the low half",
         [](std::uint64_t i) {
             return FactKey{FactKind::command, LedgerId(0), CommandId(7, i + 1)};
         }},
        {"counted in the high half",
         [](std::uint64_t i) {
             return FactKey{FactKind::command, LedgerId(0), CommandId(i + 1, 7)};
         }},
        {"counted in the top bits",
         [](std::uint64_t i) {
             return FactKey{FactKind::command, LedgerId(0), CommandId(i << 32, i << 40)};
         }},
        {"time and counter",
         [](std::uint64_t i) {
             return FactKey{FactKind::command, LedgerId(0),
                            CommandId((1'700'000'000'000ULL + i / 64) << 16, i)};
         }},
        {"hashed",
         [](std::uint64_t i) {
             return FactKey{FactKind::command, LedgerId(0),
                            CommandId(i * 0x9e3779b97f4a7c15ULL, i * 0xbf58476d1ce4e5b9ULL + 1)};
         }},
        {"one id in many ledgers",
         [](std::uint64_t i) {
             return FactKey{FactKind::command, LedgerId(static_cast<std::uint32_t>(i)),
                            CommandId(5, 5)};
         }},
    };
    return shapes;
}

std::uint64_t hash_of(const IdShape& shape, std::uint64_t i) {
    return fact_hash(shape.make(i), kKey);
}

}  // namespace

TEST_CASE("seen filter: what was inserted is never said to be new, over many layers") {
    constexpr std::size_t kFirstLayer = 500;
    constexpr std::uint64_t kFacts = 60'000;  // seven layers
    for (const IdShape& shape : id_shapes()) {
        const std::string name = shape.name;
        CAPTURE(name);
        SeenFilter filter(kFirstLayer);
        for (std::uint64_t i = 0; i < kFacts; ++i) {
            filter.insert(hash_of(shape, i));
            REQUIRE(filter.may_contain(hash_of(shape, i)));
        }
        std::uint64_t missing = 0;
        for (std::uint64_t i = 0; i < kFacts; ++i)
            missing += filter.may_contain(hash_of(shape, i)) ? 0U : 1U;
        CHECK(missing == 0);
    }
}

TEST_CASE("seen filter: under 1 % of new facts are said to be perhaps seen") {
    constexpr std::size_t kFirstLayer = 4'000;
    constexpr std::uint64_t kAsked = 50'000;
    for (const IdShape& shape : id_shapes()) {
        const std::string name = shape.name;
        CAPTURE(name);
        SeenFilter filter(kFirstLayer);
        std::uint64_t next = 0;
        std::uint64_t layer_facts = kFirstLayer;
        for (int layer = 1; layer <= 4; ++layer, layer_facts *= 2) {
            CAPTURE(layer);
            for (std::uint64_t i = 0; i < layer_facts; ++i) filter.insert(hash_of(shape, next++));
            std::uint64_t perhaps = 0;
            for (std::uint64_t i = 0; i < kAsked; ++i)
                perhaps += filter.may_contain(hash_of(shape, 1'000'000 + i)) ? 1U : 0U;
            CHECK(perhaps < kAsked / 100);
        }
    }
}

TEST_CASE("seen filter: the same id of another ledger or kind is another fact") {
    SeenFilter filter(10'000);
    const CommandId id(3, 4);
    std::uint64_t perhaps = 0;
    constexpr std::uint32_t kLedgers = 1'000;
    for (std::uint32_t i = 0; i < kLedgers; ++i) {
        filter.insert(fact_hash({FactKind::command, LedgerId(2 * i), id}, kKey));
    }
    for (std::uint32_t i = 0; i < kLedgers; ++i) {
        perhaps +=
            filter.may_contain(fact_hash({FactKind::command, LedgerId(2 * i + 1), id}, kKey)) ? 1U
                                                                                               : 0U;
        perhaps +=
            filter.may_contain(fact_hash({FactKind::closed_hold, LedgerId(2 * i), id}, kKey)) ? 1U
                                                                                               : 0U;
        perhaps +=
            filter.may_contain(fact_hash({FactKind::entry_state, LedgerId(2 * i), id}, kKey)) ? 1U
                                                                                               : 0U;
    }
    CHECK(perhaps < 3 * kLedgers / 100);
}

TEST_CASE("seen filter: a new filter knows nothing, and grows only when its layer is full") {
    SeenFilter filter(1'000);
    CHECK_FALSE(filter.may_contain(0));
    CHECK_FALSE(filter.may_contain(~std::uint64_t{0}));
    const std::size_t bytes = filter.bytes();
    for (std::uint64_t i = 0; i < 1'000; ++i) filter.insert(hash_of(id_shapes()[0], i));
    CHECK(filter.bytes() == bytes);
    // A few were perhaps seen already, by chance, and took no room.
    for (std::uint64_t i = 1'000; i < 1'100; ++i) filter.insert(hash_of(id_shapes()[0], i));
    CHECK(filter.bytes() > 2 * bytes);
}

TEST_CASE("seen filter: a fact that is put again takes no room") {
    constexpr std::uint64_t kFacts = 1'000;
    SeenFilter filter(kFacts);
    const std::size_t bytes = filter.bytes();
    for (int times = 0; times < 3; ++times) {
        for (std::uint64_t i = 0; i < kFacts; ++i) filter.insert(hash_of(id_shapes()[0], i));
    }
    CHECK(filter.bytes() == bytes);
}
