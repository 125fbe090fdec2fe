#include "command-handler/shard/fact_map.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::command_handler;

FactKey key(std::uint64_t number) {
    return {static_cast<FactKind>(1 + number % 3), LedgerId(static_cast<std::uint32_t>(number % 2)),
            CommandId(1, number + 1)};
}

Locator locator(std::uint64_t number) {
    return {RecordNumber(number), EventNumber(number * 3), static_cast<std::uint32_t>(number), 7};
}

struct Put {
    std::uint64_t number;
    AddedFact added;
};

/// A map and what it must hold, with everything that can be taken back.
class Checked {
public:
    explicit Checked(std::size_t facts) : map_(facts) {}

    void put(std::uint64_t number, std::uint64_t at) {
        const FactKey k = key(number);
        AddedFact added;
        map_.put(k, fact_hash(k), locator(at), added);
        const auto known = expected_.find(k);
        REQUIRE(added.before.has_value() == (known != expected_.end()));
        if (added.before) REQUIRE(*added.before == known->second);
        expected_[k] = locator(at);
        puts_.push_back({number, added});
    }

    void undo(std::size_t count) {
        for (; count > 0 && !puts_.empty(); --count) {
            const FactKey k = key(puts_.back().number);
            const AddedFact& added = puts_.back().added;
            map_.undo(added);
            if (added.before) {
                expected_[k] = *added.before;
            } else {
                expected_.erase(k);
            }
            puts_.pop_back();
        }
    }

    void check(std::uint64_t numbers) const {
        CHECK(map_.size() == expected_.size());
        for (const FactEntry& each : map_.facts()) {
            const auto known = expected_.find(each.key);
            REQUIRE(known != expected_.end());
            REQUIRE(each.locator == known->second);
        }
        std::uint64_t wrong = 0;
        for (std::uint64_t i = 0; i < numbers; ++i) {
            const FactKey k = key(i);
            const std::optional<Locator> found = map_.find(k, fact_hash(k));
            const auto known = expected_.find(k);
            const bool is_right = found.has_value() == (known != expected_.end()) &&
                                  (!found || *found == known->second);
            wrong += is_right ? 0U : 1U;
        }
        CHECK(wrong == 0);
    }

    std::size_t puts() const { return puts_.size(); }

private:
    FactMap map_;
    std::map<FactKey, Locator> expected_;
    std::vector<Put> puts_;
};

}  // namespace

TEST_CASE("fact map: the newest locator of a key is found, others are not") {
    Checked checked(4);
    for (std::uint64_t i = 0; i < 100; i += 2) checked.put(i, i);
    for (std::uint64_t i = 0; i < 100; i += 4) checked.put(i, 1000 + i);
    checked.check(100);
}

TEST_CASE("fact map: puts are taken back in reverse order, also across growth") {
    constexpr std::uint64_t kNumbers = 5'000;
    Checked checked(4);  // grows about ten times
    for (std::uint64_t i = 0; i < kNumbers; ++i) {
        checked.put(i, i);
        if (i % 3 == 0) checked.put(i / 3, kNumbers + i);
    }
    checked.check(kNumbers);
    while (checked.puts() > 0) {
        checked.undo(611);
        checked.check(kNumbers);
    }
}

TEST_CASE("fact map: random puts and undos leave what a plain map holds") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        constexpr std::uint64_t kNumbers = 800;
        Checked checked(4 + random() % 64);
        for (int round = 0; round < 60; ++round) {
            for (std::uint64_t i = random() % 50; i > 0; --i)
                checked.put(random() % kNumbers, random());
            checked.undo(random() % 40);
        }
        checked.check(kNumbers);
        checked.undo(checked.puts());
        checked.check(kNumbers);
    }
}

TEST_CASE("fact map: a cleared map is empty and takes facts again") {
    FactMap map(8);
    AddedFact added;
    for (std::uint64_t i = 0; i < 100; ++i)
        map.put(key(i), fact_hash(key(i)), locator(i), added);
    map.clear();
    CHECK(map.size() == 0);
    CHECK_FALSE(map.find(key(5), fact_hash(key(5))));
    map.put(key(5), fact_hash(key(5)), locator(6), added);
    CHECK_FALSE(added.before);
    CHECK(map.find(key(5), fact_hash(key(5))) == locator(6));
    CHECK(map.size() == 1);
}
