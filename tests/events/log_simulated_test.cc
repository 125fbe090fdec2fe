#include "tests/events/log_embedded_support.h"
#include "tests/support/manual_clock.h"
#include "tests/support/simulated_log.h"

#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <thread>

namespace vouch {
namespace {

using namespace test;

/// Commits in flight, whose bytes the log borrows.
using InFlight = std::deque<TextCommit>;

Result<CommitTicket> queue(SimulatedLog& log, InFlight& commits, std::uint64_t number,
                           const std::string& text) {
    return log.commit(kFirst, kTerm, commits.emplace_back(number, text).commit());
}

TEST_CASE("simulated log: a commit that fails before it is durable is not in the log") {
    SimulatedLog log(2);
    append(log, {"a"});
    log.fail_commit(2, SimulatedLog::Failure::before_durable);
    append(log, {"b"});
    CHECK(starts_with(fault_of(commit_text(log, kFirst, kTerm, 2, "c")), "storage: "));
    CHECK(log.failure()->code == FaultCode::storage);
    CHECK(texts(log, kFirst) == Texts{"a", "b"});
    CHECK(starts_with(fault_of(log.acquire(kSecond, kTerm)), "storage: "));
    CHECK(starts_with(fault_of(log.produce(kFirst, bytes_of("x"))), "storage: "));
    log.wait_for_input(kFirst, {Offset(0), Offset(0)}, std::nullopt);
    log.crash();
    CHECK_FALSE(log.failure());
    append(log, {"d"});
    CHECK(texts(log, kFirst) == Texts{"a", "b", "d"});
}

TEST_CASE("simulated log: a commit that fails after it is durable is in the log") {
    SimulatedLog log(2);
    log.fail_commit(1, SimulatedLog::Failure::after_durable);
    REQUIRE(log.acquire(kFirst, kTerm));
    CHECK(starts_with(fault_of(commit_text(log, kFirst, kTerm, 0, "a", 5)), "storage: "));
    log.crash();
    CHECK(texts(log, kFirst) == Texts{"a"});
    CHECK(log.produce(kFirst, bytes_of("x")).value() == Offset(5));
    CHECK(log.acquire(kFirst, kTerm).value().next_record == RecordNumber(1));
}

TEST_CASE("simulated log: held commits are in flight until released, oldest first") {
    SimulatedLog log(2);
    InFlight commits;
    REQUIRE(log.acquire(kFirst, kTerm));
    log.hold();
    const CommitTicket a = queue(log, commits, 0, "a").value();
    const CommitTicket b = queue(log, commits, 1, "b").value();
    CHECK(log.commits_in_flight() == 2);
    CHECK(log.is_durable(a).value() == false);
    CHECK(texts(log, kFirst).empty());
    CHECK(starts_with(fault_of(log.acquire(kFirst, Term(2))), "retriable: "));
    log.release(1);
    CHECK(log.is_durable(a).value());
    CHECK(log.is_durable(b).value() == false);
    CHECK(texts(log, kFirst) == Texts{"a"});
    std::thread releaser([&] { log.release(); });
    require(log.await(b));
    releaser.join();
    CHECK(log.acquire(kFirst, Term(2)).value().next_record == RecordNumber(2));
    require(commit_text(log, kFirst, Term(2), 2, "c"));
}

TEST_CASE("simulated log: commits in flight are bounded") {
    SimulatedLog log(2);
    InFlight commits;
    REQUIRE(log.acquire(kFirst, kTerm));
    log.hold();
    for (std::uint64_t i = 0; i < kCommitsInFlightMax; ++i) REQUIRE(queue(log, commits, i, "x"));
    CHECK(starts_with(fault_of(queue(log, commits, kCommitsInFlightMax, "x")), "retriable: "));
    log.release(1);
    CHECK(queue(log, commits, kCommitsInFlightMax, "x"));
}

TEST_CASE("simulated log: a crash drops what is in flight, but for what had reached the disk") {
    SimulatedLog log(2);
    InFlight commits;
    append(log, {"a"});
    log.hold();
    const CommitTicket b = queue(log, commits, 1, "b").value();
    const CommitTicket c = queue(log, commits, 2, "c").value();
    REQUIRE(log.produce(kFirst, bytes_of("lost")));
    log.crash(1);
    CHECK(texts(log, kFirst) == Texts{"a", "b"});
    CHECK(starts_with(fault_of(log.await(b)), "storage: "));
    CHECK(starts_with(fault_of(log.await(c)), "storage: "));
    CHECK(starts_with(fault_of(queue(log, commits, 2, "zombie")), "fenced: "));
    std::vector<InputBatch> input;
    require(log.read_commands(kFirst, Offset(0), 10, input));
    CHECK(input.empty());
    append(log, {"d"});
    CHECK(texts(log, kFirst) == Texts{"a", "b", "d"});
}

TEST_CASE("simulated log: a damaged record is corrupt, a tampered one is what it is") {
    SimulatedLog log(2);
    append(log, {"a", "b"});
    log.tamper(kFirst, RecordNumber(0), bytes_of("A"));
    CHECK(texts(log, kFirst) == Texts{"A", "b"});
    log.damage(kFirst, RecordNumber(1));
    CHECK(texts(log, kFirst) == Texts{"corrupt: shard 0 record 1: checksum mismatch"});
}

TEST_CASE("simulated log: steps are held back, lost and kept with their commits") {
    SimulatedLog log(3);
    REQUIRE(log.acquire(kFirst, kTerm));
    TextCommit a(0, "a"), b(1, "b"), c(2, "c"), d(2, "d"), e(3, "e");
    a.send(kSecond, "a");
    b.send(kSecond, "b");
    c.send(kSecond, "c");
    d.send(kSecond, "d");
    e.send(kSecond, "e");
    log.hold();
    REQUIRE(log.commit(kFirst, kTerm, a.commit()));
    CHECK(step_texts(log, kSecond).empty());
    log.release(1);
    CHECK(step_texts(log, kSecond) == Texts{"a"});
    REQUIRE(log.commit(kFirst, kTerm, b.commit()));
    REQUIRE(log.commit(kFirst, kTerm, c.commit()));
    log.crash(1);
    CHECK(step_texts(log, kSecond) == Texts{"a", "b"});
    REQUIRE(log.acquire(kFirst, kTerm));
    log.fail_commit(1, SimulatedLog::Failure::before_durable);
    CHECK_FALSE(commit_and_await(log, kFirst, kTerm, d));
    CHECK(starts_with(step_texts(log, kSecond).front(), "storage: "));
    log.crash();
    CHECK(step_texts(log, kSecond) == Texts{"a", "b"});
    REQUIRE(log.acquire(kFirst, kTerm));
    log.fail_commit(2, SimulatedLog::Failure::after_durable);
    require(commit_and_await(log, kFirst, kTerm, d));
    CHECK_FALSE(commit_and_await(log, kFirst, kTerm, e));
    log.crash();
    CHECK(step_texts(log, kSecond) == Texts{"a", "b", "d", "e"});
}

TEST_CASE(
    "simulated log: steps that wait can be altered, repeated, dropped, exchanged and forged") {
    SimulatedLog log(2);
    REQUIRE(log.acquire(kFirst, kTerm));
    for (std::uint64_t i = 0; i < 3; ++i) {
        TextCommit commit(i, "record");
        commit.send(kSecond, std::to_string(i));
        require(commit_and_await(log, kFirst, kTerm, commit));
    }
    log.tamper_steps(kSecond, [](std::vector<StepInput>& steps) {
        std::swap(steps[0].payload, steps[2].payload);
        steps[1].payload = bytes_of("altered");
        steps.push_back({Offset(3), steps[2].payload});
        steps.push_back({Offset(7), bytes_of("forged")});
    });
    CHECK(step_texts(log, kSecond) == Texts{"2", "altered", "0", "0", "forged"});
    TextCommit commit(3, "record");
    commit.send(kSecond, "next");
    require(commit_and_await(log, kFirst, kTerm, commit));
    std::vector<StepInput> found;
    require(log.read_steps(kSecond, Offset(4), 10, found));
    REQUIRE(found.size() == 2);
    CHECK(found[1].offset == Offset(8));
    log.crash();
    CHECK(step_texts(log, kSecond).size() == 6);
    log.tamper_steps(kSecond, [](std::vector<StepInput>& steps) { steps.clear(); });
    CHECK(step_texts(log, kSecond).empty());
}

TEST_CASE("input queue: a wait behind the last steps sleeps until there are more") {
    InputQueue queue{Offset(0)};
    queue.announce_steps(Offset(3));
    queue.wait({Offset(0), Offset(2)}, std::nullopt);
    std::atomic<bool> has_begun = false;
    std::atomic<bool> is_awake = false;
    std::thread waiter([&] {
        has_begun = true;
        queue.wait({Offset(0), Offset(3)}, std::nullopt);
        is_awake = true;
    });
    while (!has_begun) std::this_thread::yield();
    for (int look = 0; look < 1000; ++look) {
        REQUIRE_FALSE(is_awake);
        std::this_thread::yield();
    }
    queue.announce_steps(Offset(4));
    waiter.join();
    CHECK(is_awake);
}

TEST_CASE("clock: a manual clock moves when told, and never back") {
    ManualClock clock(Timestamp(100));
    CHECK(clock.now() == Timestamp(100));
    CHECK(clock.advance(5));
    CHECK(clock.set(Timestamp(110)));
    CHECK(clock.set(Timestamp(110)));
    CHECK_FALSE(clock.set(Timestamp(109)));
    CHECK_FALSE(clock.advance(-1));
    CHECK_FALSE(clock.advance(INT64_MAX));
    CHECK(clock.now() == Timestamp(110));
}

}  // namespace
}  // namespace vouch
