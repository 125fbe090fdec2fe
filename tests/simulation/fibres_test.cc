#include "events/world/condition.h"
#include "events/world/random.h"
#include "events/world/thread.h"
#include "tests/simulation/fibre_scheduler.h"
#include "tests/simulation/kafka_place.h"
#include "tests/simulation/simulated_shard.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

using namespace vouch;
using namespace vouch::test;
using std::chrono::microseconds;

namespace {

using Faults = std::vector<std::string>;

struct Life {
    std::uint64_t trace = 0;
    std::uint64_t deaths = 0;
    std::size_t told = 0;
    Faults faults;
};

/// A shard that is killed, at moments that the seed chooses, until it comes to its end.
template <class Place>
Life live(std::uint64_t seed, std::uint64_t steps_max) {
    constexpr std::uint64_t kDeathsMax = 6;
    std::mt19937_64 moments(seed);
    Place place;
    SimulatedShard shard(seed, place);
    Life life;
    while (life.deaths < kDeathsMax && shard.live_and_die(1 + moments() % steps_max))
        ++life.deaths;
    shard.live();
    life.trace = shard.trace();
    life.told = shard.told();
    life.faults = shard.faults();
    return life;
}

/// The same seed tells the same story, and another one another.
template <class Place>
void check_lives(std::uint64_t steps_max) {
    const Life first = live<Place>(11, steps_max);
    MESSAGE("trace of seed 11: ", first.trace);
    CHECK(first.deaths > 2);
    CHECK(first.told > 300);
    CHECK(first.faults == Faults());
    const Life again = live<Place>(11, steps_max);
    CHECK(again.faults == Faults());
    CHECK(again.trace == first.trace);
    const Life other = live<Place>(12, steps_max);
    CHECK(other.faults == Faults());
    CHECK(other.trace != first.trace);
}

}  // namespace

TEST_CASE("fibres: a shard that is killed and started again is the same whenever the seed is") {
    check_lives<EmbeddedPlace>(1'500);
}

TEST_CASE("fibres: a shard on Kafka that is killed and started again is, too") {
    check_lives<KafkaPlace>(6'000);
}

TEST_CASE("fibres: the seed chooses who is next, and time passes only when all wait") {
    const auto order_of = [](std::uint64_t seed) {
        FibreScheduler world(seed);
        std::string order;
        CHECK(world.run("main", [&] {
            std::vector<Thread> threads;
            for (const char name : {'a', 'b', 'c', 'd'}) {
                threads.emplace_back(std::string(1, name), [&order, name] {
                    order += name;
                    sleep_for(microseconds(name));
                    order += name;
                });
            }
            for (Thread& thread : threads) thread.join();
        }));
        CHECK(order.substr(4) == "abcd");
        CHECK(world.elapsed() == microseconds('d'));
        return order + std::to_string(world.trace());
    };
    CHECK(order_of(1) == order_of(1));
    CHECK(order_of(1) != order_of(2));
}

TEST_CASE("fibres: a lock is held by one, a condition wakes who waits for it") {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        FibreScheduler world(seed);
        Mutex mutex;
        Condition changed;
        int inside = 0;
        int turns = 0;
        CHECK(world.run("main", [&] {
            const auto take_turns = [&] {
                for (int i = 0; i < 5; ++i) {
                    const std::lock_guard lock(mutex);
                    CHECK(++inside == 1);
                    sleep_for(microseconds(3));
                    --inside;
                    ++turns;
                    changed.notify_one();
                }
            };
            Thread one("one", take_turns);
            Thread other("other", take_turns);
            {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&] { return turns == 10; });
                CHECK(!changed.wait_for(lock, microseconds(7), [] { return false; }));
            }
            one.join();
            other.join();
        }));
        CHECK(world.elapsed() == microseconds(37));
    }
}

TEST_CASE("fibres: all that wait for ever are named") {
    FibreScheduler world(1);
    Mutex mutex;
    Condition never;
    std::string found;
    try {
        (void)world.run("main", [&] {
            std::unique_lock lock(mutex);
            never.wait(lock, [] { return false; });
        });
    } catch (const std::logic_error& error) {
        found = error.what();
    }
    CHECK(found == "all wait for ever: main at wait; ");
}

TEST_CASE("fibres: a process dies at any switch, the newest fibre first") {
    struct Sign {
        std::string& ended;
        char name;
        ~Sign() { ended += name; }
    };
    std::uint64_t step = 1;
    for (bool was_killed = true; was_killed; ++step) {
        FibreScheduler world(5);
        std::string ended;
        int died = 0;
        world.kill_at(step, [&] { ++died; });
        was_killed = !world.run("main", [&] {
            const Sign sign{ended, 'm'};
            Mutex mutex;
            Condition changed;
            int turn = 0;
            struct Joined {
                Thread thread;
                ~Joined() { thread.join(); }
            };
            const auto wait_for = [&](int mine) {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&] { return turn == mine; });
            };
            const Joined one{Thread("one", [&] {
                const Sign its{ended, '1'};
                wait_for(1);
            })};
            const Joined two{Thread("two", [&] {
                const Sign its{ended, '2'};
                wait_for(1);
            })};
            sleep_for(microseconds(5));
            const std::lock_guard lock(mutex);
            turn = 1;
            changed.notify_all();
        });
        CHECK(died == (was_killed ? 1 : 0));
        CAPTURE(step);
        // Those that had begun have ended, and the one that owns all of it last.
        if (!ended.empty()) CHECK(ended.back() == 'm');
        if (!was_killed) CHECK(ended.size() == 3);
    }
    CHECK(step > 6);
}

TEST_CASE("fibres: chance comes from the seed, and from the machine where there are none") {
    const auto drawn = [](std::uint64_t seed) {
        FibreScheduler world(seed);
        std::uint64_t number = 0;
        CHECK(world.run("main", [&] { number = random_number(); }));
        return number;
    };
    CHECK(drawn(3) == drawn(3));
    CHECK(drawn(3) != drawn(4));
    CHECK(random_number() != random_number());
}
