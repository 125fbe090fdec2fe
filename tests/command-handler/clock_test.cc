#include "command-handler/shard/plausible_clock.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/support/manual_clock.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

// Clocks that leap: time that nobody believes is not sealed, and an operator can accept it.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;

constexpr std::int64_t kSecond_us = 1'000'000;
constexpr std::int64_t kHour_us = 3'600 * kSecond_us;
constexpr std::int64_t kDay_us = 24 * kHour_us;

void check_refused(HandlerRig& rig, const std::string& why) {
    const RecordNumber end = *rig.log.end(kShard0);
    const Fault fault = rig.start_fault();
    CHECK(fault.code == FaultCode::configuration);
    CHECK_MESSAGE(fault.message.find(why) != std::string::npos, fault.message);
    CHECK(fault.message.find("--accept-clock") != std::string::npos);
    CHECK(*rig.log.end(kShard0) == end);
}

void start_accepting(HandlerRig& rig) {
    rig.options.accept_clock = "ops-7";
    rig.start();
    rig.options.accept_clock.reset();
}

}  // namespace

TEST_CASE("plausible clock: a leap forward is not believed, and is over when the clock is back") {
    ManualClock machine{Timestamp(kStart_us)};
    PlausibleClock clock(machine);
    clock.trust();
    struct Row {
        const char* what;
        std::int64_t passes_us, leaps_us;
        std::int64_t now_us;  ///< after kStart_us
        bool is_leaping;
    };
    constexpr std::int64_t kMinute_us = 60 * kSecond_us;
    constexpr std::int64_t kLater_us = kDay_us + 2'001 * kMinute_us;
    for (const Row& row :
         {Row{"nothing", 0, 0, 0, false}, Row{"time passes", kDay_us, 0, kDay_us, false},
          Row{"a small correction", 0, kMinute_us, kDay_us + kMinute_us, false},
          Row{"one more, both no longer small", 0, 1, kDay_us, true},
          Row{"which is undone", 0, -1, kDay_us + kMinute_us, false},
          Row{"and is believed in time", 2'000 * kMinute_us, 0, kLater_us, false},
          Row{"a leap", 0, kDay_us, kLater_us, true},
          Row{"and time passes", kHour_us, 0, kLater_us + kHour_us, true},
          Row{"and it is back", 0, -kDay_us, kLater_us + kHour_us, false},
          Row{"set back", 0, -kDay_us, kLater_us + kHour_us - kDay_us, false},
          Row{"and put right", 0, kDay_us, kLater_us + kHour_us, false}}) {
        CAPTURE(row.what);
        REQUIRE(machine.advance(row.passes_us));
        machine.leap(row.leaps_us);
        CHECK(clock.now() == Timestamp(kStart_us + row.now_us));
        CHECK(clock.is_leaping() == row.is_leaping);
    }
}

TEST_CASE("plausible clock: what a start should not believe") {
    const Timestamp last(kStart_us);
    const auto doubt = [&](std::int64_t now_us, std::optional<std::int64_t> counted_us,
                           std::int64_t accepted_us = 0) {
        std::optional<ClockLook> kept;
        if (counted_us) kept = ClockLook{last, {7, 100}};
        const ClockLook found{Timestamp(kStart_us + now_us), {7, 100 + counted_us.value_or(0)}};
        return doubt_of_start(found, kept, last, Timestamp(accepted_us)).has_value();
    };
    CHECK_FALSE(doubt(-5 * kSecond_us, {}));
    CHECK(doubt(-5 * kSecond_us - 1, {}));
    CHECK_FALSE(doubt(-kDay_us, {}, kStart_us));
    CHECK(doubt(-kDay_us, {}, kStart_us - 1));
    CHECK_FALSE(doubt(kDay_us, kDay_us));
    CHECK_FALSE(doubt(kDay_us + 60 * kSecond_us, kDay_us));
    CHECK(doubt(kDay_us + 60 * kSecond_us + 1, kDay_us));
    CHECK_FALSE(doubt(500 * kDay_us, 500 * kDay_us));  // counted, so it may be long
    CHECK_FALSE(doubt(kRestMax_us, {}));
    CHECK(doubt(kRestMax_us + 1, {}));
}

TEST_CASE("plausible clock: a look is kept, and what is no look is none") {
    const TemporaryDirectory directory;
    const std::filesystem::path path = directory.path() / "clock";
    CHECK_FALSE(kept_look(path));
    const ClockLook look{Timestamp(kStart_us), {0xffff'ffff'ffff'fff0U, 12}};
    keep_look(path, look);
    CHECK(kept_look(path) == look);
    std::filesystem::resize_file(path, 10);
    CHECK_FALSE(kept_look(path));
}

TEST_CASE("clock: one that leaps for a moment expires no hold, and the books go on") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(2, 100);
    CHECK(rig.play_one(place_hold(1, 1, 2, 10, kHour_us)).outcome == Outcome::held);
    rig.clock.leap(kDay_us);
    REQUIRE(rig.clock.advance(kSecond_us));
    CHECK_FALSE(rig.handler->has_clock_leapt(ShardId(0)));
    CHECK(rig.play_one(transfer(2, 1, 2, 10)).outcome == Outcome::posted);
    CHECK(rig.handler->has_clock_leapt(ShardId(0)));
    CHECK(fold(rig).records.back().time == Timestamp(kStart_us + kSecond_us));
    rig.clock.leap(-kDay_us);
    REQUIRE(rig.clock.advance(kSecond_us));
    CHECK(rig.play_one(capture(3, 1, 1, 10)).outcome == Outcome::captured);
    CHECK_FALSE(rig.handler->has_clock_leapt(ShardId(0)));
    rig.stop();
    CHECK(fold(rig).marks.back().time == Timestamp(kStart_us + 2 * kSecond_us));
    rig.start();
    CHECK(rig.play_one(transfer(4, 1, 2, 10)).outcome == Outcome::posted);
    rig.stop();
}

TEST_CASE("clock: a start that finds it ahead of what the machine counted asks an operator") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(1, 100);
    rig.stop();
    REQUIRE(rig.clock.advance(30 * kDay_us));  // books rest
    rig.clock.leap(kDay_us);
    check_refused(rig, "ahead of what this machine has counted");
    SUBCASE("who sets it right") { rig.clock.leap(-kDay_us); }
    SUBCASE("who accepts it") {
        start_accepting(rig);
        rig.stop();
        const LogFold folded = fold(rig);
        const std::vector<std::string>& events = folded.records.back().events;
        REQUIRE(events.size() >= 2);  // and the epoch ends with it
        CHECK(events[0] == "term");
        CHECK(events[1] == "clock_accepted");
        CHECK(folded.records.back().time == Timestamp(kStart_us + 31 * kDay_us));
    }
    SUBCASE("unless nobody can know, after a reboot") { rig.clock.reboot(); }
    rig.start();
    CHECK(rig.play_one(open_account(5, 5)).outcome == Outcome::opened);
    rig.stop();
}

TEST_CASE("clock: a start that accepts it and dies before that is recorded has accepted nothing") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(1, 100);
    rig.stop();
    rig.clock.leap(kDay_us);
    rig.options.accept_clock = "ops-7";
    rig.log.fail_commit(1, SimulatedLog::Failure::before_durable);
    (void)rig.start_fault();
    rig.options.accept_clock.reset();
    rig.log.crash();
    check_refused(rig, "ahead of what this machine has counted");
    start_accepting(rig);
    rig.stop();
    CHECK(fold(rig).count("clock_accepted") == 1);
}

TEST_CASE("clock: books that rested longer than anybody expects ask too") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(1, 100);
    rig.stop();
    rig.clock.reboot();
    REQUIRE(rig.clock.advance(kRestMax_us + 1));
    check_refused(rig, "later than the newest record");
    start_accepting(rig);
    rig.stop();
    rig.start();
    rig.stop();
    CHECK(fold(rig).count("clock_accepted") == 1);
}

TEST_CASE("clock: books that are ahead of it are written again when an operator accepts that") {
    HandlerRig rig;
    REQUIRE(rig.clock.advance(kDay_us));
    rig.start();
    rig.open_accounts(2, 100);
    CHECK(rig.play_one(place_hold(1, 1, 2, 10, kHour_us)).outcome == Outcome::held);
    rig.stop();
    rig.clock.leap(-kDay_us);
    check_refused(rig, "behind the newest record");
    const Timestamp ahead(kStart_us + kDay_us);
    start_accepting(rig);
    REQUIRE(rig.clock.advance(2 * kHour_us));
    CHECK(rig.play_one(transfer(2, 1, 2, 10)).outcome == Outcome::posted);
    CHECK(fold(rig).records.back().time == ahead);  // time stands still, and no hold expires
    SUBCASE("and a start from a snapshot still knows") { rig.stop(); }
    SUBCASE("and a start from the log does") {
        rig.crash();
        std::filesystem::remove_all(rig.options.directory);
    }
    rig.start();
    REQUIRE(rig.clock.advance(kDay_us));
    CHECK(rig.play_one(transfer(3, 1, 2, 10)).outcome == Outcome::posted);
    CHECK(fold(rig).records.back().time == Timestamp(kStart_us + kDay_us + 2 * kHour_us));
    rig.stop();
    const LogFold folded = fold(rig);
    CHECK(folded.count("clock_accepted") == 1);
    CHECK(folded.count("expired 1") == 1);
    // What was accepted was up to that time and no other.
    rig.clock.leap(-kHour_us);
    check_refused(rig, "behind the newest record");
}
