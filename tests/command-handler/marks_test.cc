#include "command-handler/shard/mark_schedule.h"
#include "tests/command-handler/handler_rig.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

// Marks: when a shard that has nothing to record says how far it is.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;

constexpr std::int64_t kIdle_us = MarkSchedule::kIdle_us;

/// Lets the handler look at the clock, and waits until it has looked.
void look(HandlerRig& rig) {
    for (int i = 0; i < 3; ++i) (void)rig.handler->find_account(LedgerId(0), account_id(1));
}

/// Lets time pass, and waits for the record that this leads to. The handler looks at the clock
/// first: an answer may be known before its turn has ended, and idleness counts from that end.
void wait_for_record(HandlerRig& rig, std::int64_t us) {
    look(rig);
    const RecordNumber end = *rig.log.end(kShard0);
    REQUIRE(rig.clock.advance(us));
    rig.log.interrupt();
    while (*rig.log.end(kShard0) == end) std::this_thread::yield();
    look(rig);
}

}  // namespace

TEST_CASE("mark schedule: a shard at rest has none, and none follows a mark") {
    MarkSchedule marks;
    CHECK(marks.due_us(true) == kIdle_us);  // nothing is known of what was before the start
    marks.committed(1'000, false);
    CHECK(marks.is_unmarked());
    CHECK_FALSE(marks.due_us(false));
    CHECK(marks.due_us(true) == 1'000 + kIdle_us);
    marks.committed(1'000 + kIdle_us, true);
    CHECK_FALSE(marks.is_unmarked());
    CHECK_FALSE(marks.due_us(true));
    CHECK_FALSE(marks.due_us(false));
}

TEST_CASE("mark schedule: one that is asked for comes at once, but not within 100 ms of another") {
    MarkSchedule marks;
    marks.committed(1'000, false);
    marks.ask();
    CHECK(marks.due_us(false) == 1'000);
    marks.committed(2'000, true);
    CHECK_FALSE(marks.due_us(true));
    marks.ask();
    CHECK(marks.due_us(true) == 2'000 + MarkSchedule::kAskedEvery_us);
    marks.committed(3'000, false);  // any record says what was asked
    CHECK_FALSE(marks.due_us(false));
}

TEST_CASE("mark schedule: inputs that lead to no event need one in time, under load too") {
    MarkSchedule marks;
    marks.committed(1'000, true);
    marks.worked_off(1, 5'000);
    CHECK(marks.is_unmarked());
    CHECK(marks.due_us(true) == 5'000 + kIdle_us);
    CHECK(marks.due_us(false) == 5'000 + MarkSchedule::kUnrecordedMax_us);
    marks.worked_off(2, 900'000);
    CHECK(marks.due_us(true) == 900'000 + kIdle_us);
    CHECK(marks.due_us(false) == 5'000 + MarkSchedule::kUnrecordedMax_us);
    marks.worked_off(MarkSchedule::kUnrecordedInputsMax, 910'000);
    CHECK(marks.due_us(false) == 910'000);
    marks.committed(920'000, true);
    CHECK_FALSE(marks.due_us(true));
}

TEST_CASE("marks: an idle shard says once how far it is, and is at rest then") {
    HandlerRig rig;
    rig.options.bounds.mark_after_us = kIdle_us;
    rig.start();
    rig.open_accounts(2, 100);
    CHECK(fold(rig).marks.empty());
    wait_for_record(rig, kIdle_us);
    LogFold folded = fold(rig);
    REQUIRE(folded.marks.size() == 1);
    CHECK(folded.marks[0].events == std::vector<std::string>{"mark"});
    CHECK(folded.marks[0].time == rig.clock.now());
    CHECK(folded.marks[0].time > folded.records.back().time);

    const RecordNumber end = *rig.log.end(kShard0);
    for (int i = 0; i < 5; ++i) {
        REQUIRE(rig.clock.advance(10 * kIdle_us));
        look(rig);
    }
    CHECK(*rig.log.end(kShard0) == end);
    rig.stop();  // and a clean stop has nothing to add
    CHECK(*rig.log.end(kShard0) == end);
}

TEST_CASE("marks: a clean stop ends with one") {
    HandlerRig rig;
    rig.options.bounds.mark_after_us = kIdle_us;
    rig.start();
    rig.open_accounts(2, 100);
    rig.stop();
    CHECK(fold(rig).marks.size() == 1);
    rig.start();
    rig.stop();
    const LogFold folded = fold(rig);
    CHECK(folded.marks.size() == 2);
    CHECK(folded.records.back().events == std::vector<std::string>{"term"});
}

TEST_CASE("marks: repeats alone advance the recorded position of the input") {
    HandlerRig rig;
    rig.options.bounds.mark_after_us = kIdle_us;
    rig.start();
    rig.open_accounts(2, 100);
    rig.play({transfer(1, 1, 2, 10)});
    wait_for_record(rig, kIdle_us);
    const Offset before = fold(rig).marks.back().next_command;
    SUBCASE("an idle shard's soon") {
        rig.play({transfer(1, 1, 2, 10)});
        wait_for_record(rig, kIdle_us);
        CHECK(fold(rig).marks.back().next_command == before.next());
    }
    SUBCASE("one's that is never idle after a second") {
        for (int i = 0; i < 5; ++i) {
            rig.play({transfer(1, 1, 2, 10)});
            look(rig);
            CHECK(fold(rig).marks.size() == 1);
            REQUIRE(rig.clock.advance(kIdle_us / 2));
        }
        wait_for_record(rig, MarkSchedule::kUnrecordedMax_us);
        CHECK(fold(rig).marks.back().next_command.value() == before.value() + 5);
    }
    SUBCASE("one's that is killed are taken again") {
        rig.play({transfer(1, 1, 2, 10)});
        rig.crash();
        rig.start();
        CHECK(rig.play_one(transfer(1, 1, 2, 10)).repeated);
    }
    rig.stop();
    CHECK(fold(rig).count("posted 1") == 1);
}

TEST_CASE("marks: a batch without commands asks for one") {
    HandlerRig rig;
    rig.options.bounds.mark_after_us = kIdle_us;
    rig.start();
    rig.open_accounts(2, 100);
    wait_for_record(rig, kIdle_us);
    REQUIRE(rig.clock.advance(kIdle_us));
    const RecordNumber end = *rig.log.end(kShard0);
    rig.send_bytes(Bytes());
    while (*rig.log.end(kShard0) == end) std::this_thread::yield();
    const LogFold folded = fold(rig);
    REQUIRE(folded.marks.size() == 2);
    CHECK(folded.marks[1].time == rig.clock.now());
    CHECK(folded.marks[1].next_command == folded.marks[0].next_command.next());

    // At most ten a second, whoever asks how often.
    for (int i = 0; i < 10; ++i) rig.send_bytes(Bytes());
    look(rig);
    CHECK(fold(rig).marks.size() == 2);
    wait_for_record(rig, MarkSchedule::kAskedEvery_us);
    CHECK(fold(rig).marks.size() == 3);
    rig.stop();
}

TEST_CASE("marks: under a test clock one has the newest record's time") {
    HandlerRig rig(1, true);
    rig.start();
    rig.open_accounts(2, 100);
    rig.play({set_clock(1, 5'000'000)});
    rig.stop();
    const LogFold folded = fold(rig);
    REQUIRE(folded.marks.size() == 1);
    CHECK(folded.marks[0].time == Timestamp(5'000'000));
}

TEST_CASE("marks: a hold that is due is a record of its own, and a mark follows") {
    HandlerRig rig;
    rig.options.bounds.mark_after_us = kIdle_us;
    rig.start();
    rig.open_accounts(2, 100);
    rig.play({place_hold(1, 1, 2, 10, kIdle_us)});
    wait_for_record(rig, kIdle_us);
    CHECK(fold(rig).records.back().events == std::vector<std::string>{"expired 1"});
    CHECK(fold(rig).marks.empty());
    wait_for_record(rig, kIdle_us);
    CHECK(fold(rig).marks.size() == 1);
    rig.stop();
}
