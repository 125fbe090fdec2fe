#include "events/world/condition.h"
#include "events/world/random.h"
#include "events/world/thread.h"
#include "tests/simulation/fibre_scheduler.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

using namespace vouch;
using namespace vouch::test;
using std::chrono::microseconds;

TEST_CASE("fibres: the seed chooses who is next, and time passes only when all wait") {
    const auto order_of = [](std::uint64_t seed) {
        FibreScheduler world(seed);
        std::string order;
        world.run("main", [&] {
            std::vector<Thread> threads;
            for (const char name : {'a', 'b', 'c', 'd'}) {
                threads.emplace_back(std::string(1, name), [&order, name] {
                    order += name;
                    sleep_for(microseconds(name));
                    order += name;
                });
            }
            for (Thread& thread : threads) thread.join();
        });
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
        world.run("main", [&] {
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
        });
        CHECK(world.elapsed() == microseconds(37));
    }
}

TEST_CASE("fibres: all that wait for ever are named") {
    FibreScheduler world(1);
    Mutex mutex;
    Condition never;
    std::string found;
    try {
        world.run("main", [&] {
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
    std::uint64_t step = 0;
    for (bool was_killed = true; was_killed; ++step) {
        FibreScheduler world(5);
        std::string ended;
        int died = 0;
        const auto live = [&] {
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
        };
        world.run("world", [&] {
            const auto process = world.start_process("main", live, [&] { ++died; });
            world.kill(process, step);
            was_killed = world.await(process).is_killed;
        });
        CHECK(died == (was_killed ? 1 : 0));
        CAPTURE(step);
        // Those that had begun have ended, and the one that owns all of it last.
        if (!ended.empty()) CHECK(ended.back() == 'm');
        if (!was_killed) CHECK(ended.size() == 3);
    }
    CHECK(step > 6);
}

TEST_CASE("fibres: one process dies or stands still, and those beside it go on") {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        FibreScheduler world(seed);
        Mutex shared;
        std::uint64_t turns = 0;
        std::uint64_t others = 0;
        const auto take_turns = [&](std::uint64_t& count) {
            while (true) {
                sleep_for(microseconds(10));
                const std::lock_guard lock(shared);
                ++count;
            }
        };
        const auto rest = [] { sleep_for(microseconds(1'000)); };
        world.run("world", [&] {
            const auto one = world.start_process("one", [&] { take_turns(turns); });
            const auto other = world.start_process("other", [&] { take_turns(others); });
            rest();
            world.pause(one);
            sleep_for(microseconds(1));
            const std::uint64_t then = turns;
            const std::uint64_t others_then = others;
            rest();
            CHECK(turns == then);
            CHECK(others > others_then + 50);
            world.go_on(one);
            rest();
            CHECK(turns > then + 50);
            world.kill(one);
            CHECK(world.await(one).is_killed);
            CHECK_FALSE(world.is_alive(one));
            CHECK(world.is_alive(other));
        });
    }
}

TEST_CASE("fibres: what a process throws is its end, and no other one's") {
    FibreScheduler world(1);
    world.run("world", [&] {
        const auto process = world.start_process("one", [] { throw std::runtime_error("no"); });
        const FibreScheduler::Ending ending = world.await(process);
        CHECK_FALSE(ending.is_killed);
        CHECK(ending.failure == "no");
    });
}

TEST_CASE("fibres: chance comes from the seed, and from the machine where there are none") {
    const auto drawn = [](std::uint64_t seed) {
        FibreScheduler world(seed);
        std::uint64_t number = 0;
        world.run("main", [&] { number = random_number(); });
        return number;
    };
    CHECK(drawn(3) == drawn(3));
    CHECK(drawn(3) != drawn(4));
    CHECK(random_number() != random_number());
}
