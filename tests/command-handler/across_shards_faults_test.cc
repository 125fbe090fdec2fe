#include "events/entries/codec.h"
#include "tests/command-handler/shard_loops.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

// Commits that fail and crashes between shards, batches of steps that span records, snapshots with
// commands in transit, and more of these than a shard takes.

namespace {

using namespace vouch;
using namespace vouch::test;
using Failure = SimulatedLog::Failure;

constexpr std::uint64_t kFunds = 1000;
constexpr std::int64_t kLater_us = 5'000'000;

/// Waves of commands over three shards, each wave final before the next; outcomes and books depend
/// on nothing else. Account `x.n` is the n-th of shard x.
class Waves {
public:
    explicit Waves(const HandlerRig& rig) {
        const auto on = [&](std::uint32_t shard, std::uint64_t nth) {
            return rig.account_on(shard, nth);
        };
        const std::uint64_t cash = on(0, 0), a = on(0, 1), b = on(1, 1), c = on(2, 1);
        const std::uint64_t frozen = on(1, 2), nobody = on(2, 2);
        waves_ = {
            {open_account(1, cash, Limit::unlimited(), AccountClass::asset), open_account(2, a),
             open_account(3, b), open_account(4, c), open_account(5, frozen),
             freeze(6, frozen, Block::credits), transfer(7, cash, a, kFunds)},
            {transfer(10, a, b, 100), transfer(11, a, c, 150), transfer(12, a, frozen, 60),
             transfer(13, a, nobody, 70), transfer(14, cash, c, 40), transfer(15, cash, b, 500)},
            {place_hold(20, a, b, 200), capture(21, 20, a, 50, true), place_hold(22, a, c, 30),
             release(23, 22, a), place_hold(24, a, frozen, 20), place_hold(25, b, c, 80, 1000),
             transfer(26, b, a, 5)},
            {capture(30, 20, a, 20), refund(31, 10, b, 30), reverse(32, 11, c),
             set_clock(33, kLater_us)},
            // The clock's shard sends a step to every other, so that holds there expire.
            {transfer(40, cash, b, 1), transfer(41, cash, c, 1)},
            // What was held toward the third shard has come back before this is decided there.
            {transfer(50, b, c, 7), transfer(51, c, a, 7)},
        };
    }

    /// Plays all, starting the handler again as often as it stops. True when it never did.
    bool play(HandlerRig& rig) {
        bool was_disturbed = false;
        for (const std::vector<Command>& wave : waves_) {
            std::vector<Answered> told;
            while ((told = rig.play_routed(wave)).empty()) {
                was_disturbed = true;
                rig.crash();
                rig.start();
            }
            for (const Answered& each : told) {
                const auto [known, is_new] = outcomes.emplace(each.id, each.outcome);
                CHECK((is_new || known->second == each.outcome));
            }
        }
        return !was_disturbed;
    }

    std::map<CommandId, Outcome> outcomes;

private:
    std::vector<std::vector<Command>> waves_;
};

struct Run {
    std::map<CommandId, Outcome> outcomes;
    std::string books;
};

void use_small_bounds(HandlerRig& rig) {
    rig.options.bounds.generation_facts = 8;
    rig.options.bounds.snapshot_events = 25;
    rig.options.bounds.epoch_events = 30;
}

Run finish(HandlerRig& rig, const Waves& waves) {
    // A stop's mark may be what fails.
    if (!rig.handler->stop()) {
        rig.crash();
        rig.start();
        REQUIRE(rig.handler->stop());
    }
    rig.handler.reset();
    WholeBooks books(rig.deployment, rig.keys);
    books.read(rig.log);
    CHECK(books.faults_at_rest() == "");
    return {waves.outcomes, books.books()};
}

Run undisturbed() {
    HandlerRig rig(3, true);
    use_small_bounds(rig);
    rig.start();
    Waves waves(rig);
    CHECK(waves.play(rig));
    return finish(rig, waves);
}

/// Shards 0 and 1 of a deployment, run one by one: `a` with money on 0, `b` on 1.
struct TwoShards {
    explicit TwoShards(bool seals = false) : rig(2), loops(rig), books(rig.deployment, rig.keys) {
        if (seals) rig.options.bounds.epoch_events = 4;
        a = rig.account_on(0, 1);
        b = rig.account_on(1, 1);
        cash = rig.account_on(0, 0);
        other_cash = rig.account_on(1, 0);
    }
    void open() {
        loops.start();
        loops.run(1);
        loops.play(1, std::vector{open_account(1, other_cash, Limit::unlimited()),
                                  open_account(2, b), transfer(3, other_cash, b, kFunds)});
        loops.halt(1);
        loops.run(0);
        loops.play(0, std::vector{open_account(4, cash, Limit::unlimited()), open_account(5, a),
                                  transfer(6, cash, a, kFunds)});
    }
    std::uint64_t credited_to_b() {
        books.read(rig.log);
        return books.shard(1).account(b)->totals.credits_posted.low() - kFunds;
    }

    HandlerRig rig;
    ShardLoops loops;
    WholeBooks books;
    std::uint64_t a = 0, b = 0, cash = 0, other_cash = 0;
};

/// Postings of an entry so long that a record has room for some ten reversals of it.
std::vector<Posting> long_entry(std::uint64_t debit, std::uint64_t credit) {
    std::vector<Posting> postings;
    for (std::size_t i = 0; i < kPostingsMax / 2; ++i) {
        postings.push_back({account_id(debit), Side::debit, Amount(1)});
        postings.push_back({account_id(credit), Side::credit, Amount(1)});
    }
    return postings;
}

}  // namespace

TEST_CASE(
    "across shards: the waves that are played have outcomes of many kinds" *
    doctest::test_suite("same-threads")) {
    const Run run = undisturbed();
    const auto outcome = [&](std::uint64_t id) { return run.outcomes.at(command_id(id)); };
    CHECK(outcome(10) == Outcome::posted);
    CHECK(outcome(12) == Outcome::credits_frozen);
    CHECK(outcome(13) == Outcome::account_not_found);
    CHECK(outcome(20) == Outcome::held);
    CHECK(outcome(21) == Outcome::captured);
    CHECK(outcome(23) == Outcome::released);
    CHECK(outcome(24) == Outcome::credits_frozen);
    CHECK(outcome(25) == Outcome::held);
    CHECK(outcome(30) == Outcome::captured);
    CHECK(outcome(31) == Outcome::refunded);
    CHECK(outcome(32) == Outcome::reversed);
    CHECK(run.books.find("expired") != std::string::npos);
    CHECK(run.books.find("refused") != std::string::npos);
}

TEST_CASE("across shards: a start finds the stores as they were written, also after a crash") {
    HandlerRig rig(3, true);
    use_small_bounds(rig);
    rig.start();
    const auto restart = [&](const std::string& after) {
        CAPTURE(after);
        rig.start();
        for (const std::string& each : rig.handler->warnings()) FAIL_CHECK(each);
    };
    // A transfer in transit is decided, a refused hold was captured before: rows are replaced in
    // their own generation and in later ones.
    Waves waves(rig);
    CHECK(waves.play(rig));
    rig.stop();
    restart("a clean stop");
    rig.stop();
    restart("a second one");
    CHECK(waves.play(rig));
    rig.crash();
    restart("a crash");
    rig.stop();
    // What is wrong is still found: the rows of one append are there no more.
    std::filesystem::remove_all(rig.options.directory / "1" / "store");
    std::filesystem::copy(rig.options.directory / "0" / "store",
                          rig.options.directory / "1" / "store",
                          std::filesystem::copy_options::recursive);
    rig.start();
    REQUIRE(rig.handler->warnings().size() == 1);
    CHECK(rig.handler->warnings()[0].starts_with("shard 1: shard store: "));
    CHECK(waves.play(rig));
    finish(rig, waves);
}

TEST_CASE(
    "across shards: whichever commit fails, a restart and sending again lead to the same" *
    doctest::test_suite("same-threads")) {
    const Run expected = undisturbed();
    for (const Failure failure : {Failure::before_durable, Failure::after_durable}) {
        bool is_undisturbed = false;
        std::uint64_t nth = 4;  // behind the three that take over
        for (; !is_undisturbed; ++nth) {
            CAPTURE(nth);
            HandlerRig rig(3, true);
            use_small_bounds(rig);
            rig.log.fail_commit(nth, failure);
            rig.start();
            Waves waves(rig);
            is_undisturbed = waves.play(rig);
            const Run run = finish(rig, waves);
            CHECK((run.outcomes == expected.outcomes));
            CHECK((run.books == expected.books));
        }
        CHECK(nth > 20);
    }
}

TEST_CASE("across shards: after a crash with commits in flight nothing is lost or done twice") {
    for (std::size_t survivors = 0; survivors <= 2; ++survivors) {
        for (std::size_t released = 0; released <= 2; ++released) {
            CAPTURE(survivors);
            CAPTURE(released);
            TwoShards two;
            two.open();
            two.loops.run(1);
            const std::vector<Command> forth{transfer(10, two.a, two.b, 5)};
            const std::vector<Command> back{transfer(20, two.b, two.a, 3)};
            two.rig.log.hold();
            two.rig.send(forth, ShardId(0));
            two.rig.send(back, ShardId(1));
            while (two.rig.log.commits_in_flight() < 2) std::this_thread::yield();
            two.rig.log.release(released);
            two.rig.log.crash(survivors);
            two.loops.drop();
            two.rig.start();
            for (const Answered& each : two.rig.play_routed({forth[0], back[0]})) {
                CHECK(each.outcome == Outcome::posted);
            }
            two.rig.stop();
            CHECK(two.credited_to_b() == 5);
            CHECK(two.books.faults_at_rest() == "");
            CHECK(two.books.shard(0).account(two.a)->totals.debits_posted == Amount(5));
        }
    }
}

TEST_CASE("across shards: a commit that fails takes step numbers and commands in transit back") {
    for (const Failure failure : {Failure::before_durable, Failure::after_durable}) {
        for (const bool seals : {false, true}) {
            CAPTURE(seals);
            TwoShards two(seals);
            two.open();
            two.loops.play(0, std::vector{transfer(10, two.a, two.b, 5)});
            // The sender's.
            const std::string sender = two.loops.inside(0);
            two.rig.log.fail_commit(1, failure);
            two.rig.send(
                std::vector{transfer(11, two.a, two.b, 5), place_hold(12, two.a, two.b, 5)},
                ShardId(0));
            CHECK(two.loops.wait_for_fault(0).code == FaultCode::storage);
            CHECK(two.loops.inside(0) == sender);
            // The receiver's.
            two.loops.drop();
            two.rig.log.crash();
            two.loops.start();
            const std::string receiver = two.loops.inside(1);
            two.rig.log.fail_commit(1, failure);
            two.loops.run(1);
            CHECK(two.loops.wait_for_fault(1).code == FaultCode::storage);
            CHECK(two.loops.inside(1) == receiver);
        }
    }
}

TEST_CASE(
    "across shards: a batch of steps that spans records goes on where it was left" *
    doctest::test_suite("same-threads")) {
    constexpr std::uint64_t kEntries = 40;
    // Of the records that shard 0 writes of it, `nth` fails; 0: none.
    for (std::uint64_t nth = 0; nth <= 3; ++nth) {
        for (const bool is_stolen : {false, true}) {
            if (nth == 0 && is_stolen) continue;
            CAPTURE(nth);
            CAPTURE(is_stolen);
            TwoShards two;
            two.open();
            const std::vector<Posting> postings = long_entry(two.cash, two.a);
            std::vector<Command> reversals;
            for (std::uint64_t i = 0; i < kEntries; ++i) {
                Command entry = transfer(100 + i, 0, 0, 0);
                entry.body = PostEntry{postings};
                CHECK(two.loops.play(0, {&entry, 1}).at(0).outcome == Outcome::posted);
                reversals.push_back(reverse(200 + i, 100 + i, two.a));
            }
            two.loops.halt(0);
            two.loops.run(1);
            two.loops.play(1, reversals);  // misrouted: it forwards them all, in one batch
            two.loops.halt(1);
            two.loops.start();
            if (nth > 0) {
                two.rig.log.fail_commit(nth, Failure::after_durable);
                two.loops.run(0);
                CHECK(two.loops.wait_for_fault(0).code == FaultCode::storage);
                two.loops.drop();
                two.rig.log.crash();
                if (is_stolen) {
                    two.rig.log.tamper_steps(ShardId(0),
                                             [](std::vector<StepInput>& steps) { steps.clear(); });
                }
                two.loops.start();
            }
            two.loops.run(0);
            if (is_stolen) {
                // The batch behind the stolen rest shows that it is missing: it is built again.
                two.loops.run(1);
                two.loops.play(1, std::vector{transfer(20, two.b, two.a, 1)});
            }
            two.loops.wait_until_taken(0, 1, is_stolen ? 2 : 1);
            if (is_stolen) {
                two.loops.wait_until_taken(1, 0, 1);
                two.loops.halt(1);
            }
            two.loops.halt(0);
            two.books.read(two.rig.log);
            CHECK(two.books.faults_at_rest() == "");
            const LogFold& fold = two.books.shard(0);
            for (std::uint64_t i = 0; i < kEntries; ++i) {
                REQUIRE(fold.find(200 + i) != nullptr);
                CHECK(fold.find(200 + i)->outcome == Outcome::reversed);
            }
            std::set<std::uint64_t> records;
            for (const auto& [key, decided] : fold.outcomes) {
                if (decided.outcome == Outcome::reversed) records.insert(decided.record.value());
            }
            CHECK(records.size() > 3);
        }
    }
}

TEST_CASE("across shards: what is paid back is built again, to whom it was that paid") {
    TwoShards two;
    two.open();
    two.loops.run(1);
    const auto play = [&](std::uint32_t shard, const std::vector<Command>& commands) {
        const Offset offset = two.rig.send(commands, ShardId(shard));
        const auto told =
            two.rig.answers.wait_for_outcomes(ShardId(shard), offset, commands.size());
        for (const Answered& each : told) CHECK(is_accepted(each.outcome));
    };
    play(0, {transfer(10, two.a, two.b, 50), transfer(11, two.cash, two.b, 60),
             place_hold(12, two.a, two.b, 70), capture(13, 12, two.a, 30, true)});
    two.loops.halt(0);
    const std::vector<Command> back{reverse(20, 10, two.b), refund(21, 11, two.b, 4),
                                    refund(22, 13, two.b, 5)};
    for (const Answered& each : two.loops.play(1, back)) CHECK(each.in_transit);
    two.loops.play(1, std::vector{transfer(23, two.b, two.a, 1)});
    // The last of them shows that those before it are missing.
    two.rig.log.tamper_steps(ShardId(0), [](std::vector<StepInput>& steps) {
        REQUIRE(steps.size() == 2);
        steps.erase(steps.begin());
    });
    two.loops.run(0);
    two.loops.play(1, std::vector{transfer(24, two.b, two.a, 2)});
    play(1, back);
    two.loops.halt(0);
    two.loops.halt(1);
    two.books.read(two.rig.log);
    CHECK(two.books.faults_at_rest() == "");
    const LogFold& fold = two.books.shard(0);
    // Of the funds 50 and 30 went, 50 and 5 came back, and 3 came.
    CHECK(fold.account(two.a)->totals.credits_posted.low() == kFunds + 50 + 5 + 3);
    CHECK(fold.account(two.cash)->totals.credits_posted.low() == 4);
    std::size_t rebuilt = 0;
    for (const LogFold::Record& record : fold.records) {
        for (const std::string& event : record.events) rebuilt += event.ends_with("rebuilt");
    }
    CHECK(rebuilt == 1);
}

TEST_CASE("across shards: above its bound of crossings a shard takes steps and no commands") {
    TwoShards two;
    SUBCASE("of commands") { two.rig.options.bounds.crossings = 10; }
    SUBCASE("of their bytes") {
        two.rig.options.bounds.crossing_bytes =
            10 * encoded_size(transfer(100, two.a, two.b, 1));
    }
    two.open();
    constexpr std::uint64_t kEach = 8;
    std::vector<Offset> offsets;
    for (std::uint64_t batch = 0; batch < 5; ++batch) {
        std::vector<Command> commands;
        for (std::uint64_t i = 0; i < kEach; ++i) {
            commands.push_back(transfer(100 + batch * kEach + i, two.a, two.b, 1));
        }
        offsets.push_back(two.rig.send(commands, ShardId(0)));
    }
    two.rig.answers.wait(ShardId(0), offsets[1], kEach);
    // The question is answered once the shard has nothing else to do.
    const std::string inside = two.loops.inside(0);
    CHECK(two.loops.inside(0) == inside);
    CHECK(two.rig.answers.look(ShardId(0), offsets[2]).empty());
    // Both wait for each other's answers, and take each other's steps.
    two.loops.run(1);
    std::vector<Command> back;
    for (std::uint64_t i = 0; i < 2 * kEach; ++i)
        back.push_back(transfer(200 + i, two.b, two.a, 1));
    const Offset answered = two.rig.send(back, ShardId(1));
    for (const Answered& each :
         two.rig.answers.wait_for_outcomes(ShardId(1), answered, back.size())) {
        CHECK(each.outcome == Outcome::posted);
    }
    for (const Offset offset : offsets) {
        for (const Answered& each : two.rig.answers.wait_for_outcomes(ShardId(0), offset, kEach)) {
            CHECK(each.outcome == Outcome::posted);
        }
    }
    two.loops.halt(0);
    two.loops.halt(1);
    CHECK(two.credited_to_b() == 5 * kEach);
    CHECK(two.books.faults_at_rest() == "");
}

TEST_CASE("across shards: of too many repeats in transit the last are told so, and nothing stands still") {
    TwoShards two;
    two.rig.options.bounds.waiters = 5;
    two.open();
    const Command command = transfer(10, two.a, two.b, 5);
    const Offset first = two.rig.send(std::vector{command}, ShardId(0));
    const Offset repeats = two.rig.send(std::vector<Command>(12, command), ShardId(0));
    std::vector<Answered> told = two.rig.answers.wait(ShardId(0), repeats, 12);
    for (std::size_t i = 0; i < told.size(); ++i) {
        CHECK(told[i].in_transit);
        CHECK(told[i].is_last == (i >= 4));
    }
    CHECK(two.loops.play(0, std::vector{transfer(11, two.cash, two.a, 1)}).at(0).outcome ==
          Outcome::posted);
    // Who is the first to send a command waits, however many do.
    const Offset fresh = two.rig.send(std::vector{transfer(12, two.a, two.b, 7)}, ShardId(0));
    CHECK_FALSE(two.rig.answers.wait(ShardId(0), fresh, 1).at(0).is_last);
    two.loops.run(1);
    CHECK(two.rig.answers.wait_for_outcomes(ShardId(0), fresh, 1).at(0).outcome ==
          Outcome::posted);
    CHECK(two.rig.answers.look(ShardId(0), first).at(0).outcome == Outcome::posted);
    told = two.rig.answers.look(ShardId(0), repeats);
    for (std::size_t i = 0; i < told.size(); ++i) CHECK(told[i].in_transit == (i >= 4));
    CHECK(two.loops.play(0, std::vector{command}).at(0).outcome == Outcome::posted);
    CHECK(two.rig.answers.disorder() == "");
}

TEST_CASE("across shards: who waits for a shard that has stopped takes nobody's place") {
    HandlerRig rig(3);
    rig.options.bounds.waiters = 4;
    ShardLoops loops(rig);
    loops.start();
    const std::uint64_t payer = rig.account_on(0);
    loops.run(2);
    loops.play(2, std::vector{open_account(1, rig.account_on(2))});
    loops.halt(2);
    loops.run(0);
    loops.play(0, std::vector{open_account(2, payer, Limit::unlimited())});
    const Command to_stopped = transfer(10, payer, rig.account_on(1), 5);
    const Command to_other = transfer(11, payer, rig.account_on(2), 6);
    loops.play(0, std::vector{to_stopped, to_stopped, to_stopped, to_other});
    CHECK(loops.play(0, std::vector{to_other}).at(0).is_last);
    loops.cuts.stop({ShardId(1), Fault{FaultCode::corrupt, "rotten"}});
    // A round begins after each answer.
    loops.play(0, std::vector{transfer(12, payer, payer, 1)});
    const Offset offset =
        rig.send(std::vector{to_stopped, to_stopped, to_stopped, to_other}, ShardId(0));
    for (const Answered& each : rig.answers.wait(ShardId(0), offset, 4)) {
        CHECK(each.in_transit);
        CHECK(each.repeated);
        CHECK_FALSE(each.is_last);
    }
    loops.run(2);
    CHECK(rig.answers.wait_for_outcomes(ShardId(0), offset, 1).at(3).outcome == Outcome::posted);
}

TEST_CASE("across shards: a snapshot with commands in transit leads to what a replay leads to") {
    TwoShards two;
    two.open();
    two.loops.run(1);
    two.loops.play(1, std::vector{transfer(9, two.b, two.a, 2)});
    two.loops.wait_until_taken(1, 0, 1);
    two.loops.halt(1);
    const std::vector<Command> sent{transfer(10, two.a, two.b, 5), place_hold(11, two.a, two.b, 7),
                                    place_hold(12, two.a, two.b, 9),
                                    capture(13, 12, two.a, 4, true)};
    two.loops.play(0, sent);
    two.loops.halt(0);
    std::vector<std::string> insides;
    for (const bool snapshots : {true, false}) {
        two.rig.options.snapshots = snapshots;
        two.loops.start();
        // Each start writes a record of its own; the chain's head differs by that.
        const std::string inside = two.loops.inside(0);
        CHECK(inside.find("crossing") != std::string::npos);
        insides.push_back(inside.substr(0, inside.find("record ")) +
                          inside.substr(inside.find("\n0: ")));
        two.loops.drop();
    }
    CHECK(insides[0] == insides[1]);
    // Nobody waits for them here any more; who sends them again does.
    two.rig.options.snapshots = true;
    two.loops.start();
    two.loops.run(0);
    const Offset offset = two.rig.send(sent, ShardId(0));
    const std::vector<Answered> told = two.rig.answers.wait(ShardId(0), offset, sent.size());
    for (const Answered& each : told) {
        CHECK(each.in_transit);
        CHECK(each.repeated);
    }
    two.loops.run(1);
    for (const Answered& each :
         two.rig.answers.wait_for_outcomes(ShardId(0), offset, sent.size())) {
        CHECK(is_accepted(each.outcome));
        CHECK(each.repeated);
    }
    two.loops.halt(0);
    // The followed hold is in the payee's snapshot.
    two.loops.halt(1);
    two.rig.start();
    CHECK(two.rig.play_routed({release(14, 12, two.a)}).at(0).outcome == Outcome::released);
    two.rig.stop();
    CHECK(two.credited_to_b() == 9);
    CHECK(two.books.faults_at_rest() == "");
}
