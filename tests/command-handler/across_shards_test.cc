#include "command-handler/shard/shard_loop.h"
#include "events/log/embedded/embedded_log.h"
#include "events/money/shard_of.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/command-handler/whole_books.h"
#include "tests/support/manual_clock.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

// Whole handlers of several shards: money and holds that cross, and what callers are told of them.

namespace {

using namespace vouch;
using namespace vouch::test;

/// A deployment whose account `a` belongs to shard 0 and `b` to shard 1, with cash on each shard.
struct CrossingRig {
    static constexpr std::uint64_t kFunds = 1000;

    explicit CrossingRig(std::uint32_t shards = 2, bool test_clock = false)
        : rig(shards, test_clock),
          books(rig.deployment, rig.keys),
          a(rig.account_on(0, 1)),
          b(rig.account_on(1, 1)),
          cash(rig.account_on(0, 0)) {
        rig.start();
        const std::vector<Answered> told =
            rig.play_routed({open_account(1, cash, Limit::unlimited(), AccountClass::asset),
                             open_account(2, a), open_account(3, b), transfer(4, cash, a, kFunds)});
        for (const Answered& each : told) REQUIRE(is_accepted(each.outcome));
    }

    Answered play(const Command& command) { return rig.play_routed({command}).at(0); }

    void read() {
        books.read(rig.log);
        CHECK(books.faults_at_rest() == "");
    }
    /// Posted credits less debits of an account, and what is held on its debit side.
    std::int64_t balance(std::uint64_t account) {
        const Totals& totals = of(account).totals;
        return static_cast<std::int64_t>(totals.credits_posted.low()) -
               static_cast<std::int64_t>(totals.debits_posted.low());
    }
    const Change& of(std::uint64_t account) {
        const ShardId home = shard_of(account_id(account), rig.deployment.shards);
        const Change* found = books.shard(home.value()).account(account);
        REQUIRE(found != nullptr);
        return *found;
    }

    HandlerRig rig;
    WholeBooks books;
    std::uint64_t a, b, cash;
};

}  // namespace

TEST_CASE("across shards: a transfer arrives, and its outcome follows its transit") {
    CrossingRig crossing;
    const Answered told = crossing.play(transfer(10, crossing.a, crossing.b, 300));
    CHECK(told.outcome == Outcome::posted);
    CHECK(told.was_in_transit);
    CHECK_FALSE(told.repeated);
    crossing.read();
    CHECK(crossing.balance(crossing.a) == 700);
    CHECK(crossing.balance(crossing.b) == 300);
    CHECK(crossing.books.shard(0).count("in_transit 10") == 1);
    CHECK(crossing.books.shard(1).count("followed posted 10") == 1);
    CHECK(crossing.books.shard(0).find(10)->record == told.record);
}

TEST_CASE("across shards: a repeat after the outcome is told the outcome at once") {
    CrossingRig crossing;
    const Answered first = crossing.play(transfer(10, crossing.a, crossing.b, 300));
    const Answered again = crossing.play(transfer(10, crossing.a, crossing.b, 300));
    CHECK(again.outcome == Outcome::posted);
    CHECK(again.repeated);
    CHECK_FALSE(again.was_in_transit);
    CHECK(again.record == first.record);
    CHECK(again.event == first.event);
    CHECK(crossing.play(transfer(10, crossing.a, crossing.b, 301)).outcome == Outcome::conflict);
    crossing.read();
    CHECK(crossing.balance(crossing.b) == 300);
}

TEST_CASE("across shards: what the payee's shard refuses comes back whole, with its facts") {
    CrossingRig crossing;
    const std::uint64_t nobody = crossing.rig.account_on(1, 2);
    REQUIRE(crossing.play(freeze(9, crossing.b, Block::credits)).outcome == Outcome::frozen);
    const Answered frozen = crossing.play(transfer(10, crossing.a, crossing.b, 300));
    CHECK(frozen.outcome == Outcome::credits_frozen);
    CHECK(frozen.was_in_transit);
    CHECK(frozen.facts.account == account_id(crossing.b));
    const Answered unknown = crossing.play(transfer(11, crossing.a, nobody, 300));
    CHECK(unknown.outcome == Outcome::account_not_found);
    CHECK(unknown.facts.account == account_id(nobody));
    const Answered short_of =
        crossing.play(transfer(12, crossing.a, crossing.b, CrossingRig::kFunds + 1));
    CHECK(short_of.outcome == Outcome::insufficient_funds);
    CHECK_FALSE(short_of.was_in_transit);
    crossing.read();
    CHECK(crossing.balance(crossing.a) == CrossingRig::kFunds);
    CHECK(crossing.balance(crossing.b) == 0);
}

TEST_CASE("across shards: holds are placed, captured, released and expire") {
    CrossingRig crossing(2, true);
    const std::uint64_t a = crossing.a;
    const std::uint64_t b = crossing.b;
    CHECK(crossing.play(place_hold(10, a, b, 300)).outcome == Outcome::held);
    CHECK(crossing.play(capture(11, 10, a, 100, true)).outcome == Outcome::captured);
    CHECK(crossing.play(release(12, 10, a)).outcome == Outcome::released);
    // All three without waiting for one another.
    const std::vector<Answered> told = crossing.rig.play_routed(
        {place_hold(20, a, b, 50), capture(21, 20, a, 20), place_hold(30, a, b, 70, 10)});
    CHECK(told.at(0).outcome == Outcome::held);
    CHECK(told.at(1).outcome == Outcome::captured);
    CHECK(told.at(2).outcome == Outcome::held);
    CHECK(crossing.play(set_clock(40, kStart_us)).outcome == Outcome::clock_set);
    // The expiry's step is not answered: a later transfer's outcome says that it was taken.
    CHECK(crossing.play(transfer(41, a, b, 1)).outcome == Outcome::posted);
    crossing.read();
    CHECK(crossing.balance(b) == 121);
    CHECK(crossing.of(a).totals.debits_held == Amount());
    CHECK(crossing.of(b).totals.credits_held == Amount());
    CHECK(crossing.books.shard(0).count("expired 30") == 1);
    CHECK(crossing.books.shard(1).count("followed released 30") == 1);
}

TEST_CASE("across shards: steps of a later time move the receiver's time") {
    CrossingRig crossing(2, true);
    REQUIRE(crossing.play(set_clock(10, kStart_us)).outcome == Outcome::clock_set);
    REQUIRE(crossing.play(transfer(11, crossing.a, crossing.b, 1)).outcome == Outcome::posted);
    crossing.read();
    CHECK(crossing.books.shard(1).records.back().time == Timestamp(kStart_us));
}

TEST_CASE("across shards: what crossed is reversed and refunded from the payee's shard") {
    CrossingRig crossing;
    const std::uint64_t a = crossing.a;
    const std::uint64_t b = crossing.b;
    REQUIRE(crossing.play(transfer(10, a, b, 300)).outcome == Outcome::posted);
    REQUIRE(crossing.play(transfer(11, a, b, 50)).outcome == Outcome::posted);
    const auto known = crossing.rig.handler->find_entry(LedgerId(0), command_id(10));
    REQUIRE(known);
    CHECK(known->postings.at(0).account == account_id(a));
    CHECK(known->postings.at(1).account == account_id(b));
    CHECK(known->postings.at(1).amount == Amount(300));
    CHECK(crossing.play(refund(12, 10, b, 100)).outcome == Outcome::refunded);
    CHECK(crossing.play(reverse(13, 11, b)).outcome == Outcome::reversed);
    CHECK(crossing.play(reverse(14, 11, b)).outcome == Outcome::already_reversed);
    CHECK(crossing.play(reverse(15, 10, a)).outcome == Outcome::wrong_account);
    crossing.read();
    CHECK(crossing.balance(a) == 800);
    CHECK(crossing.balance(b) == 200);
}

TEST_CASE("across shards: a misrouted command is forwarded and decided once") {
    CrossingRig crossing;
    const Command sent = transfer(10, crossing.a, crossing.b, 300);
    for (int i = 0; i < 2; ++i) {
        const Offset offset = crossing.rig.send({&sent, 1}, ShardId(1));
        const std::vector<Answered> told = crossing.rig.answers.wait(ShardId(1), offset, 1);
        CHECK(told.at(0).in_transit);
    }
    CHECK(crossing.play(transfer(11, crossing.a, crossing.b, 1)).outcome == Outcome::posted);
    const Answered again = crossing.play(sent);
    CHECK(again.outcome == Outcome::posted);
    CHECK(again.repeated);
    crossing.rig.stop();
    crossing.books.read(crossing.rig.log);
    CHECK(crossing.books.faults() == "");
    CHECK(crossing.books.shard(1).count("forwarded 10") == 2);
    CHECK(crossing.books.shard(0).find(10)->outcome == Outcome::posted);
}

TEST_CASE("across shards: a repeat while in transit waits for the same outcome") {
    CrossingRig crossing;
    // Nothing becomes durable, so the answer of the payee's shard cannot come in between.
    crossing.rig.log.hold();
    const Command sent = transfer(10, crossing.a, crossing.b, 300);
    const Offset first = crossing.rig.send({&sent, 1});
    const Offset second = crossing.rig.send({&sent, 1});
    const Command other = transfer(10, crossing.a, crossing.b, 301);
    const Offset third = crossing.rig.send({&other, 1});
    (void)crossing.rig.handler->find_account(LedgerId(0), account_id(crossing.a));
    crossing.rig.log.release();
    const Answered told = crossing.rig.answers.wait_for_outcomes(kShard0, first, 1).at(0);
    const Answered again = crossing.rig.answers.wait_for_outcomes(kShard0, second, 1).at(0);
    const Answered conflict = crossing.rig.answers.wait_for_outcomes(kShard0, third, 1).at(0);
    CHECK(told.outcome == Outcome::posted);
    CHECK(again.outcome == Outcome::posted);
    CHECK(again.repeated);
    CHECK_FALSE(told.repeated);
    CHECK(again.record == told.record);
    CHECK(conflict.outcome == Outcome::conflict);
    crossing.read();
    CHECK(crossing.balance(crossing.b) == 300);
}

TEST_CASE("across shards: everything crosses between four shards, and all is there at the end") {
    HandlerRig rig(4);
    rig.start();
    constexpr std::uint64_t kAccounts = 40;
    std::vector<Command> opening;
    for (std::uint64_t i = 0; i < kAccounts; ++i) {
        opening.push_back(open_account(i, i, Limit::unlimited()));
    }
    for (const Answered& each : rig.play_routed(opening)) REQUIRE(is_accepted(each.outcome));
    std::vector<Command> transfers;
    for (std::uint64_t i = 0; i < 4000; ++i) {
        transfers.push_back(
            transfer(1000 + i, i % kAccounts, (i * 7 + i / kAccounts + 1) % kAccounts, i));
    }
    for (const Answered& each : rig.play_routed(transfers)) {
        CHECK((each.outcome == Outcome::posted || each.outcome == Outcome::same_account ||
               each.outcome == Outcome::zero_amount));
    }
    rig.stop();
    WholeBooks books(rig.deployment, rig.keys);
    books.read(rig.log);
    CHECK(books.faults_at_rest() == "");
}

TEST_CASE("across shards: over the embedded log, with a transfer under way while it is closed") {
    const TemporaryDirectory directory;
    const Deployment deployment = make_deployment(2, false, Timestamp(kStart_us)).deployment;
    const EpochKeys keys = make_test_keys(deployment);
    ManualClock clock{Timestamp(kStart_us)};
    AnswerBook answers;
    command_handler::HandlerOptions options;
    options.directory = directory.path() / "shards";
    const auto open_log = [&] {
        EmbeddedLogOptions log_options;
        log_options.directory = directory.path() / "log";
        log_options.shard_count = 2;
        log_options.segment_bytes = 64 << 10;
        Result<std::unique_ptr<EmbeddedLog>> opened = EmbeddedLog::open(log_options);
        REQUIRE_MESSAGE(opened, opened.error().message);
        return std::move(*opened);
    };
    const auto start = [&](Log& log) {
        answers.forget();
        auto started =
            command_handler::Handler::start(log, deployment, keys, clock, answers, options);
        REQUIRE_MESSAGE(started, started.error().message);
        return std::move(*started);
    };
    const HandlerRig numbers(2);
    const std::uint64_t a = numbers.account_on(0), b = numbers.account_on(1);
    std::unique_ptr<EmbeddedLog> log = open_log();
    {
        const auto handler = start(*log);
        const std::vector<Command> opening{open_account(1, a, Limit::unlimited()),
                                           open_account(2, b)};
        for (const Answered& each : play_routed(*log, answers, opening)) {
            REQUIRE(is_accepted(each.outcome));
        }
        const std::vector<Command> first{transfer(3, a, b, 100)};
        CHECK(play_routed(*log, answers, first).at(0).outcome == Outcome::posted);
        CHECK(handler->stop().has_value());
    }
    const std::vector<Command> second{transfer(4, a, b, 20)};
    {
        answers.forget();
        command_handler::ShardLoop alone(
            {ShardId(0), *log, deployment, keys, clock, answers, options});
        REQUIRE(alone.start().has_value());
        const Result<Offset> offset = log->produce(ShardId(0), batch_of(second));
        alone.stop();  // after what is there
        REQUIRE(alone.run().has_value());
        CHECK(answers.look(ShardId(0), *offset).at(0).in_transit);
    }
    log.reset();
    log = open_log();
    {
        const auto handler = start(*log);
        CHECK(play_routed(*log, answers, second).at(0).outcome == Outcome::posted);
        CHECK(handler->stop().has_value());
    }
    WholeBooks books(deployment, keys);
    books.read(*log);
    CHECK(books.faults_at_rest() == "");
    CHECK(books.shard(1).account(b)->totals.credits_posted == Amount(120));
}
