#include "command-handler/shard/shard_loop.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/command-handler/mixed_load.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <future>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// Commits that fail, before and after they become durable, and crashes between them.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;
using Failure = SimulatedLog::Failure;

constexpr std::uint64_t kBatches = 6;

/// Outcome of every member of every batch, in order.
using Outcomes = std::vector<Outcome>;

struct Run {
    Outcomes outcomes;
    std::string books;
    std::size_t records = 0;
};

/// Sends every batch, however often the handler has to be started again, until all are answered.
/// What was answered once must never be answered otherwise.
class Sender {
public:
    Sender(HandlerRig& rig, const MixedLoad& load) : rig_(rig), load_(load), told_(kBatches) {}

    /// False when the shard stopped before all was answered.
    bool send_all() {
        std::vector<Offset> offsets;
        for (std::uint64_t b = 0; b < kBatches; ++b) {
            const Result<Offset> offset = rig_.log.produce(kShard0, load_.batch(b));
            if (!offset) break;  // the log has failed
            offsets.push_back(*offset);
        }
        for (std::uint64_t b = 0; b < offsets.size(); ++b) {
            take(b, rig_.answers.wait(kShard0, offsets[b], load_.size(b)));
        }
        return offsets.size() == kBatches && told_.back().size() == load_.size(kBatches - 1);
    }
    /// What is answered now of batches sent elsewhere.
    void take(std::uint64_t batch, const std::vector<Answered>& answered) {
        Outcomes& known = told_[batch];
        for (std::size_t i = 0; i < answered.size(); ++i) {
            if (i < known.size()) {
                CHECK(answered[i].outcome == known[i]);
            } else {
                known.push_back(answered[i].outcome);
            }
        }
    }

    Run finish() {
        // The stop's mark may be what fails.
        if (!rig_.handler->stop()) {
            rig_.crash();
            rig_.start();
            REQUIRE(rig_.handler->stop());
        }
        rig_.handler.reset();
        LogFold folded(rig_.deployment, rig_.keys);
        folded.read(rig_.log);
        CHECK(folded.faults == std::vector<std::string>{});
        Run run;
        for (std::uint64_t b = 0; b < kBatches; ++b) {
            CHECK(told_[b].size() == load_.size(b));
            run.outcomes.insert(run.outcomes.end(), told_[b].begin(), told_[b].end());
        }
        run.books = folded.books();
        run.records = folded.records.size();
        return run;
    }

private:
    HandlerRig& rig_;
    const MixedLoad& load_;
    std::vector<Outcomes> told_;
};

void use_small_bounds(HandlerRig& rig) {
    rig.options.bounds.generation_facts = 60;
    rig.options.bounds.snapshot_events = 150;
}

Run undisturbed(const MixedLoad& load) {
    HandlerRig rig(1, true);
    use_small_bounds(rig);
    rig.start();
    Sender sender(rig, load);
    CHECK(sender.send_all());
    return sender.finish();
}

std::string render(const ChainHead& head) {
    std::ostringstream out;
    out << "record " << head.next_record.value() << " event " << head.next_event.value() << " tag "
        << short_hex(head.last_digest) << " time " << head.last_time.value() << " epoch "
        << head.epoch.value() << " from " << head.epoch_first_event.value() << " "
        << head.epoch_first_time.value() << " " << head.epoch_has_record << " offset "
        << head.next_command.value();
    return out.str();
}

/// A shard's loop on a thread of its own, whose inside can be looked at.
class OpenLoop {
public:
    explicit OpenLoop(HandlerRig& rig)
        : rig_(rig),
          loop_({kShard0, rig.log, rig.deployment, rig.keys, rig.clock, rig.answers, rig.options}) {
        REQUIRE(loop_.start().has_value());
        thread_ = std::thread([this] {
            status_ = loop_.run();
            loop_.refuse_questions();
            if (!status_) rig_.answers.stopped(kShard0, status_.error(), FaultScope::log);
        });
    }
    ~OpenLoop() {
        loop_.stop();
        if (thread_.joinable()) thread_.join();
    }
    /// State, chain head and what is known of ids, as of what is decided.
    std::string inside(std::span<const std::uint64_t> ids) {
        std::promise<std::string> promise;
        if (!loop_.ask([&](ShardLoop& loop) { promise.set_value(describe(loop, ids)); }))
            return "stopped";
        return promise.get_future().get();
    }
    std::string inside_after_stop(std::span<const std::uint64_t> ids) {
        thread_.join();
        return describe(loop_, ids);
    }
    const Status& status() const { return status_; }

private:
    static std::string describe(ShardLoop& loop, std::span<const std::uint64_t> ids) {
        std::string text = test::render(loop.books().state) + render(loop.books().head) + "\n";
        for (const std::uint64_t id : ids) {
            const auto past = loop.books().facts->find_command(LedgerId(0), command_id(id));
            text += past ? std::to_string(past->number.value()) + " " : "- ";
        }
        return text;
    }

    HandlerRig& rig_;
    ShardLoop loop_;
    std::thread thread_;
    Status status_;
};

}  // namespace

TEST_CASE(
    "faults: a commit that fails takes state, facts and chain head back, and stops the shard") {
    for (const Failure failure : {Failure::before_durable, Failure::after_durable}) {
        for (const bool seals : {false, true}) {
            CAPTURE(seals);
            HandlerRig rig;
            if (seals) rig.options.bounds.epoch_events = 10;
            rig.options.bounds.generation_facts = 3;
            OpenLoop loop(rig);
            const Offset opened = rig.send(
                std::vector{open_cash(1), open_account(2, 1), open_account(3, 2),
                            transfer(4, 0, 1, 500), place_hold(5, 1, 2, 50), transfer(6, 1, 2, 5)});
            rig.answers.wait(kShard0, opened, 6);
            const std::vector<std::uint64_t> ids{1, 5, 6, 7, 8, 9, 10, 11, 12, 13};
            const std::string before = loop.inside(ids);
            rig.log.fail_commit(1, failure);
            const std::vector<Command> pair{transfer(12, 1, 2, 1), transfer(13, 2, 1, 1)};
            const std::size_t answered = rig.answers.count();
            rig.send(std::vector{transfer(7, 1, 2, 10), capture(8, 5, 1, 20, true),
                                 open_account(9, 3), reverse(10, 6, 2), group(11, pair),
                                 freeze(14, 1, Block::both)});
            const Fault fault = rig.answers.wait_until_stopped(kShard0);
            CHECK(fault.code == FaultCode::storage);
            CHECK(rig.answers.count() == answered);
            CHECK(loop.inside(ids) == "stopped");
            CHECK(loop.inside_after_stop(ids) == before);
        }
    }
}

TEST_CASE(
    "faults: of several records in flight the durable ones stay and the others are taken back") {
    for (std::size_t durable = 0; durable <= 2; ++durable) {
        CAPTURE(durable);
        HandlerRig rig;
        rig.options.bounds.epoch_events = 8;
        rig.options.bounds.generation_facts = 2;
        OpenLoop loop(rig);
        const std::vector<std::uint64_t> ids{1, 2, 3, 10, 11, 12, 13, 14, 15};
        const Offset opened =
            rig.send(std::vector{open_cash(1), open_account(2, 1), transfer(3, 0, 1, 500)});
        rig.answers.wait(kShard0, opened, 3);
        rig.log.hold();
        std::vector<std::string> states{loop.inside(ids)};
        std::vector<Offset> offsets;
        for (std::uint64_t i = 0; i < 3; ++i) {
            offsets.push_back(
                rig.send(std::vector{transfer(10 + i, 1, 0, 5 + i), place_hold(13 + i, 1, 0, 1)}));
            while (rig.log.commits_in_flight() < i + 1) loop.inside({});
            states.push_back(loop.inside(ids));
        }
        rig.log.fail_commit(durable + 1, Failure::before_durable);
        rig.log.release();
        rig.answers.wait_until_stopped(kShard0);
        const std::string after = loop.inside_after_stop(ids);
        CHECK(after == states[durable]);
        for (std::size_t i = 0; i < 3; ++i)
            CHECK(rig.answers.look(kShard0, offsets[i]).size() == (i < durable ? 2 : 0));
    }
}

TEST_CASE(
    "faults: the load that is played has outcomes of every kind" *
    doctest::test_suite("same-threads")) {
    const Run run = undisturbed(MixedLoad(11, true));
    for (const Outcome outcome :
         {Outcome::opened, Outcome::posted, Outcome::held, Outcome::captured, Outcome::released,
          Outcome::refunded, Outcome::reversed, Outcome::frozen, Outcome::unfrozen, Outcome::done,
          Outcome::clock_set, Outcome::conflict, Outcome::debits_frozen, Outcome::hold_closed,
          Outcome::hold_expired, Outcome::insufficient_funds}) {
        const std::string_view word = to_text(outcome);
        CAPTURE(word);
        CHECK(std::find(run.outcomes.begin(), run.outcomes.end(), outcome) != run.outcomes.end());
    }
}

TEST_CASE(
    "faults: whichever commit fails, a restart and sending all again lead to the same outcomes and "
    "books" *
    doctest::test_suite("same-threads")) {
    const MixedLoad load(11, true);
    const Run expected = undisturbed(load);
    CHECK(expected.records > kBatches);  // set_clock has records of its own
    for (const Failure failure : {Failure::before_durable, Failure::after_durable}) {
        bool was_disturbed = true;
        std::uint64_t nth = 1;
        for (; was_disturbed; ++nth) {
            CAPTURE(nth);
            HandlerRig rig(1, true);
            use_small_bounds(rig);
            rig.log.fail_commit(nth, failure);
            Sender sender(rig, load);
            if (nth == 1) {  // the term's own record
                CHECK(rig.start_fault().code == FaultCode::storage);
                rig.log.crash();
                rig.start();
            } else {
                rig.start();
            }
            was_disturbed = nth == 1;
            while (!sender.send_all()) {
                was_disturbed = true;
                CHECK(rig.answers.wait_until_stopped(kShard0).code == FaultCode::storage);
                rig.crash();
                rig.start();
            }
            const Run run = sender.finish();
            CHECK((run.outcomes == expected.outcomes));
            CHECK((run.books == expected.books));
        }
        CHECK(nth > kBatches);
    }
}

TEST_CASE("faults: after a crash with commits in flight every command has exactly one outcome") {
    const MixedLoad load(12, true);
    const Run expected = undisturbed(load);
    for (std::size_t in_flight = 1; in_flight <= RecordWriter::kInFlightMax; ++in_flight) {
        for (std::size_t survivors = 0; survivors <= in_flight; ++survivors) {
            for (const std::uint64_t settled :
                 {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}}) {
                CAPTURE(in_flight);
                CAPTURE(survivors);
                CAPTURE(settled);
                HandlerRig rig(1, true);
                use_small_bounds(rig);
                rig.start();
                Sender sender(rig, load);
                std::vector<Offset> offsets;
                for (std::uint64_t b = 0; b < settled; ++b) {
                    offsets.push_back(rig.send_bytes(load.batch(b)));
                    sender.take(b, rig.answers.wait(kShard0, offsets[b], load.size(b)));
                }
                rig.log.hold();
                for (std::uint64_t b = settled; b < kBatches; ++b)
                    offsets.push_back(rig.send_bytes(load.batch(b)));
                while (rig.log.commits_in_flight() < in_flight) std::this_thread::yield();
                rig.crash(survivors);
                for (std::uint64_t b = 0; b < kBatches; ++b)
                    sender.take(b, rig.answers.look(kShard0, offsets[b]));
                rig.start();
                CHECK(sender.send_all());
                const Run run = sender.finish();
                CHECK((run.outcomes == expected.outcomes));
                CHECK((run.books == expected.books));
            }
        }
    }
}

TEST_CASE(
    "faults: a first outcome that can no longer be read stops the shard, and is not guessed") {
    const bool test_clock = true;
    HandlerRig rig(1, test_clock);
    rig.start();
    rig.open_accounts(2, 100);
    Command command;
    SUBCASE("of a transfer") { command = transfer(1, 1, 2, 5); }
    SUBCASE("of set_clock") { command = set_clock(1, 500); }
    CHECK(is_accepted(rig.play_one(command).outcome));
    const RecordNumber end = *rig.log.end(kShard0);
    rig.log.tamper(kShard0, RecordNumber(end.value() - 1), Bytes(3, std::byte{0x0a}));
    const std::size_t answered = rig.answers.count();
    const Offset offset = rig.send(std::vector{transfer(2, 1, 2, 5), command});
    rig.answers.wait(kShard0, offset, 2);
    REQUIRE(rig.answers.has_stopped(kShard0));
    const Fault fault = rig.answers.wait_until_stopped(kShard0);
    CHECK(fault.code == FaultCode::corrupt);
    CHECK(fault.message.find("shard 0 record " + std::to_string(end.value() - 1)) !=
          std::string::npos);
    CHECK(rig.answers.count() == answered);
    CHECK(*rig.log.end(kShard0) == end);
}

TEST_CASE("faults: what the log has in hand when a shard gives up is waited for and answered") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(2, 100);
    const Command first = transfer(1, 1, 2, 5);
    CHECK(is_accepted(rig.play_one(first).outcome));
    const RecordNumber end = *rig.log.end(kShard0);
    rig.log.tamper(kShard0, RecordNumber(end.value() - 1), Bytes(3, std::byte{0x0a}));
    rig.log.hold();
    const Offset in_hand = rig.send(std::vector{transfer(2, 1, 2, 7)});
    while (rig.log.commits_in_flight() < 1) std::this_thread::yield();
    // The first outcome of this one can no longer be read.
    const Offset unreadable = rig.send(std::vector{transfer(3, 1, 2, 9), first});
    SUBCASE("it becomes durable") {
        rig.log.release();
        CHECK(rig.answers.wait_until_stopped(kShard0).code == FaultCode::corrupt);
        CHECK(rig.answers.look(kShard0, in_hand).at(0).outcome == Outcome::posted);
        CHECK(rig.log.end(kShard0)->value() == end.value() + 1);
    }
    SUBCASE("it fails") {
        rig.log.fail_commit(1, Failure::before_durable);
        rig.log.release();
        CHECK(rig.answers.wait_until_stopped(kShard0).code != FaultCode::fenced);
        CHECK(rig.answers.look(kShard0, in_hand).empty());
        CHECK(*rig.log.end(kShard0) == end);
    }
    CHECK(rig.answers.look(kShard0, unreadable).empty());
}

TEST_CASE("faults: a writer that another one has taken over from stops, and answers nothing more") {
    HandlerRig rig;
    const auto shard_with = [&](const char* directory, AnswerBook& answers) {
        HandlerOptions options = rig.options;
        options.directory = rig.directory.path() / directory;
        return std::make_unique<ShardLoop>(ShardEnvironment{
            kShard0, rig.log, rig.deployment, rig.keys, rig.clock, answers, options});
    };
    const std::vector<Command> opening{open_cash(1), open_account(2, 1), transfer(3, 0, 1, 100)};
    const std::vector<Command> commands{transfer(4, 1, 0, 5)};
    AnswerBook olders;
    AnswerBook newers;
    const auto older = shard_with("older", olders);
    REQUIRE(older->start().has_value());
    const auto newer = shard_with("newer", newers);
    REQUIRE(newer->start().has_value());
    const Offset lost = rig.send(opening);
    const Status fenced = older->run();
    REQUIRE_FALSE(fenced);
    CHECK(fenced.error().code == FaultCode::fenced);
    CHECK(olders.count() == 0);
    CHECK(older->books().state.accounts().size() == 0);

    // What the older one took is lost to the newer one, as in a crash; its producer sends it again.
    const Offset again = rig.send(opening);
    CHECK(again > lost);
    const Offset offset = rig.send(commands);
    newer->stop();
    REQUIRE(newer->run().has_value());
    CHECK(newers.look(kShard0, offset).at(0).outcome == Outcome::posted);
    LogFold folded(rig.deployment, rig.keys);
    folded.read(rig.log);
    CHECK(folded.faults == std::vector<std::string>{});
    CHECK(folded.account(1)->totals.debits_posted == Amount(5));
    CHECK(folded.records.back().term == Term(1));
}
