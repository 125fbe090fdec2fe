#include "events/entries/codec.h"
#include "events/seal/step_batch.h"
#include "tests/command-handler/shard_loops.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

// Steps that somebody with the log in his hands forges, alters, repeats, drops or exchanges: what
// the sender's records do not have never becomes a posting, and what they have does.

namespace {

using namespace vouch;
using namespace vouch::test;

constexpr std::uint64_t kBatches = 3;

/// Shard 1 of three halts while shard 0 sends it three batches, transfers 10, 11 and 12 of 100, 200
/// and 400; then somebody edits them, and shard 1 runs.
struct Tampered {
    static constexpr std::uint64_t kFunds = 1000;

    Tampered() : rig(3), loops(rig), books(rig.deployment, rig.keys) {
        a = rig.account_on(0, 1);
        b = rig.account_on(1, 1);
        const std::uint64_t cash = rig.account_on(0, 0);
        loops.start();
        loops.run(1);
        loops.play(1, std::vector{open_account(3, b)});
        loops.halt(1);
        loops.run(0);
        loops.play(0, std::vector{open_account(1, cash, Limit::unlimited()), open_account(2, a),
                                  transfer(4, cash, a, kFunds)});
        for (std::uint64_t i = 0; i < kBatches; ++i) {
            const auto told =
                loops.play(0, std::vector{transfer(10 + i, a, b, std::uint64_t{100} << i)});
            REQUIRE(told.at(0).in_transit);
        }
    }

    void edit(const std::function<void(std::vector<StepInput>&)>& edit) {
        rig.log.tamper_steps(ShardId(1), [&](std::vector<StepInput>& steps) {
            REQUIRE(steps.size() == kBatches);
            edit(steps);
        });
    }
    /// A batch of shard 0's as it would seal it itself.
    Bytes sealed(const StepBatchHeader& header, std::span<const std::byte> steps) {
        Mac mac(rig.keys.step_key(header.from));
        return seal_step_batch(mac, header, steps);
    }
    /// Shard 1 takes what it can, in a second life too; its money then, from its log.
    std::uint64_t credited() {
        books.read(rig.log);
        CHECK(books.faults() == "");
        return books.shard(1).account(b)->totals.credits_posted.low();
    }
    /// Shard 1 stops, and again when it is started again, and says why.
    std::string stops() {
        loops.run(1);
        const Fault first = loops.wait_for_fault(1);
        CHECK(first.code == FaultCode::corrupt);
        loops.drop();
        loops.start();
        loops.run(1);
        const Fault second = loops.wait_for_fault(1);
        // The record that could not be written has another number by then.
        const std::string batch = first.message.substr(0, first.message.find(": ", 20));
        CHECK(second.message.substr(0, batch.size()) == batch);
        return first.message;
    }

    /// Shard 1 takes all that was sent, and what is sent then, in this life and the next.
    void goes_on() {
        loops.run(1);
        loops.wait_until_taken(1, 0, kBatches);
        // The answers are shard 0's next record: what waits for that is decided before the halt.
        loops.wait_until_taken(0, 1, 1);
        loops.halt(1);
        CHECK(credited() == 700);
        loops.run(1);
        const auto told = loops.play(0, std::vector{transfer(20, a, b, 50)});
        CHECK(told.at(0).was_in_transit);
        loops.wait_until_taken(1, 0, kBatches + 1);
        loops.halt(1);
        CHECK(credited() == 750);
    }

    /// Batches that shard 1 took as it built them again.
    std::size_t rebuilt() {
        std::size_t count = 0;
        for (std::uint64_t batch = 0; batch < kBatches; ++batch)
            count += books.shard(1).count("taken 0 " + std::to_string(batch) + " 0+1 rebuilt");
        return count;
    }

    HandlerRig rig;
    ShardLoops loops;
    WholeBooks books;
    std::uint64_t a = 0, b = 0;
};

/// After the three honest ones.
StepInput behind(const std::vector<StepInput>& steps, Bytes payload) {
    return {steps.back().offset.next(), std::move(payload)};
}

StepBatchView parse(const StepInput& input) {
    const Result<StepBatchView> batch = parse_step_batch(input.payload);
    REQUIRE(batch);
    return *batch;
}

}  // namespace

TEST_CASE("tampered steps: untouched ones arrive") {
    Tampered tampered;
    tampered.edit([](std::vector<StepInput>&) {});
    tampered.loops.run(1);
    tampered.loops.wait_until_taken(1, 0, kBatches);
    tampered.loops.halt(1);
    CHECK(tampered.credited() == 700);
}

TEST_CASE("tampered steps: what no other shard sealed becomes an event and nothing else") {
    Tampered tampered;
    SUBCASE("no batch at all") {
        tampered.edit([](std::vector<StepInput>& steps) {
            steps.push_back(behind(steps, Bytes(100, std::byte{0xff})));
        });
    }
    SUBCASE("nothing") {
        tampered.edit([](std::vector<StepInput>& steps) { steps.push_back(behind(steps, {})); });
    }
    SUBCASE("a batch with another tag") {
        tampered.edit([](std::vector<StepInput>& steps) {
            Bytes forged = steps.back().payload;
            forged.back() ^= std::byte{1};
            steps.push_back(behind(steps, std::move(forged)));
        });
    }
    SUBCASE("a batch that another shard sealed in the sender's name") {
        tampered.edit([&](std::vector<StepInput>& steps) {
            StepBatchView batch = parse(steps.back());
            batch.header.number = StepBatchNumber(kBatches);
            Mac mac(tampered.rig.keys.step_key(ShardId(2)));
            steps.push_back(behind(steps, seal_step_batch(mac, batch.header, batch.steps)));
        });
    }
    SUBCASE("a batch for another shard") {
        tampered.edit([&](std::vector<StepInput>& steps) {
            StepBatchView batch = parse(steps.back());
            batch.header.to = ShardId(2);
            steps.push_back(behind(steps, tampered.sealed(batch.header, batch.steps)));
        });
    }
    SUBCASE("a batch of the receiver's own") {
        tampered.edit([&](std::vector<StepInput>& steps) {
            StepBatchView batch = parse(steps.back());
            batch.header.from = ShardId(1);
            steps.push_back(behind(steps, tampered.sealed(batch.header, batch.steps)));
        });
    }
    SUBCASE("a batch of a shard that there is not") {
        tampered.edit([&](std::vector<StepInput>& steps) {
            StepBatchView batch = parse(steps.back());
            batch.header.from = ShardId(3);
            steps.push_back(behind(steps, tampered.sealed(batch.header, batch.steps)));
        });
    }
    SUBCASE("a batch of another chain") {
        tampered.edit([&](std::vector<StepInput>& steps) {
            StepBatchView batch = parse(steps.back());
            batch.header.chain = ChainId(batch.header.chain.high(), batch.header.chain.low() ^ 1);
            steps.push_back(behind(steps, tampered.sealed(batch.header, batch.steps)));
        });
    }
    tampered.loops.run(1);
    tampered.loops.wait_until_taken(1, 0, kBatches);
    tampered.loops.halt(1);
    CHECK(tampered.credited() == 700);
    CHECK(tampered.books.shard(1).count("steps_refused") == 1);
    // It is consumed: the next life does not see it again, and honest steps go on.
    tampered.loops.run(1);
    const auto told = tampered.loops.play(0, std::vector{transfer(20, tampered.a, tampered.b, 50)});
    CHECK(told.at(0).was_in_transit);
    tampered.loops.wait_until_taken(1, 0, kBatches + 1);
    tampered.loops.halt(1);
    CHECK(tampered.credited() == 750);
    CHECK(tampered.books.shard(1).count("steps_refused") == 1);
}

TEST_CASE("tampered steps: an altered batch is refused, and built again from its record") {
    for (const std::size_t at : {std::size_t{2}, std::size_t{60}, std::size_t{150}}) {
        CAPTURE(at);
        Tampered tampered;
        tampered.edit([&](std::vector<StepInput>& steps) { steps[1].payload[at] ^= std::byte{4}; });
        tampered.goes_on();
        CHECK(tampered.books.shard(1).count("steps_refused") == 1);
        CHECK(tampered.rebuilt() == 1);
    }
}

TEST_CASE("tampered steps: a batch that is there again is ignored, and leaves no record") {
    Tampered tampered;
    tampered.edit([](std::vector<StepInput>& steps) {
        for (std::size_t i = 0; i < kBatches; ++i) {
            steps.push_back(behind(steps, steps[i].payload));
        }
    });
    tampered.loops.run(1);
    tampered.loops.wait_until_taken(1, 0, kBatches);
    const std::string inside = tampered.loops.inside(1);
    CHECK(tampered.loops.inside(1) == inside);
    tampered.loops.halt(1);
    CHECK(tampered.credited() == 700);
    // The next life is shown them once more.
    tampered.loops.run(1);
    (void)tampered.loops.inside(1);
    tampered.loops.halt(1);
    CHECK(tampered.credited() == 700);
    CHECK(tampered.books.shard(1).count("followed posted 10") == 1);
    CHECK(tampered.books.shard(1).count("steps_refused") == 0);
}

TEST_CASE("tampered steps: missing batches are built again when a later one comes") {
    Tampered tampered;
    std::vector<StepInput> honest;
    tampered.edit([&](std::vector<StepInput>& steps) {
        honest = steps;
        steps.erase(steps.begin(), steps.begin() + 2);
    });
    tampered.goes_on();
    CHECK(tampered.rebuilt() == 2);
    // Put right again, the log shows what is taken already.
    tampered.rig.log.tamper_steps(ShardId(1), [&](std::vector<StepInput>& steps) {
        for (std::uint64_t i = 0; i < honest.size(); ++i)
            steps.push_back({Offset(1'000 + i), honest[i].payload});
    });
    tampered.loops.run(1);
    (void)tampered.loops.inside(1);
    tampered.loops.halt(1);
    CHECK(tampered.credited() == 750);
}

TEST_CASE("tampered steps: batches that do not come are built again, though none comes behind them") {
    Tampered tampered;
    tampered.rig.options.bounds.steps_late_us = 0;
    SUBCASE("all are gone") {
        tampered.edit([](std::vector<StepInput>& steps) { steps.clear(); });
    }
    SUBCASE("the last is altered") {
        tampered.edit([](std::vector<StepInput>& steps) { steps[2].payload[80] ^= std::byte{1}; });
    }
    tampered.goes_on();
    CHECK(tampered.rebuilt() >= 1);
}

TEST_CASE("tampered steps: exchanged batches are taken in their order") {
    Tampered tampered;
    tampered.edit(
        [](std::vector<StepInput>& steps) { std::swap(steps[0].payload, steps[2].payload); });
    tampered.goes_on();
    CHECK(tampered.rebuilt() == 2);
}

TEST_CASE("tampered steps: another batch of a number that was taken is refused") {
    Tampered tampered;
    tampered.edit([&](std::vector<StepInput>& steps) {
        const StepBatchView last = parse(steps[2]);
        const Bytes other = tampered.sealed(last.header, parse(steps[0]).steps);
        steps.push_back(behind(steps, other));
    });
    tampered.goes_on();
    CHECK(tampered.books.shard(1).count("steps_refused") == 1);
    CHECK(tampered.rebuilt() == 0);
}

TEST_CASE("tampered steps: a batch that follows another past is refused, and built again") {
    Tampered tampered;
    tampered.edit([&](std::vector<StepInput>& steps) {
        StepBatchView last = parse(steps[2]);
        last.header.previous_digest[5] ^= std::byte{1};
        steps[2].payload = tampered.sealed(last.header, last.steps);
    });
    tampered.goes_on();
    CHECK(tampered.books.shard(1).count("steps_refused") == 1);
    CHECK(tampered.rebuilt() == 1);
}

TEST_CASE("tampered steps: what came with a record that was never committed is refused") {
    Tampered tampered;
    const RecordNumber end = tampered.rig.log.end(ShardId(0)).value();
    // As a writer sealed it whose record was aborted: its successor's has its number, or none has.
    const auto put_back = [&](const std::function<void(StepBatchHeader&)>& with) {
        tampered.edit([&](std::vector<StepInput>& steps) {
            StepBatchView first = parse(steps[0]);
            with(first.header);
            const StepInput aborted{steps[0].offset,
                                    tampered.sealed(first.header, parse(steps[2]).steps)};
            for (StepInput& each : steps) each.offset = each.offset.next();
            steps.insert(steps.begin(), aborted);
        });
    };
    SUBCASE("in the place of another record") {
        put_back([](StepBatchHeader& header) { header.record_digest[3] ^= std::byte{1}; });
    }
    SUBCASE("of the next record") {
        put_back([&](StepBatchHeader& header) { header.record = end; });
    }
    SUBCASE("of a record far from the end") {
        put_back([&](StepBatchHeader& header) { header.record = RecordNumber(end.value() + 9); });
    }
    SUBCASE("with a number far from the next") {
        put_back([](StepBatchHeader& header) {
            header.record_digest[3] ^= std::byte{1};
            header.number = StepBatchNumber(kBatches + 9);
        });
    }
    tampered.goes_on();
    CHECK(tampered.books.shard(1).count("steps_refused") == 1);
    CHECK(tampered.rebuilt() == 0);
}

TEST_CASE("tampered steps: sealed, but what no honest shard sends, stops the shard") {
    Tampered tampered;
    const auto replace_last = [&](const std::function<void(StepBatchHeader&, Bytes&)>& with) {
        tampered.edit([&](std::vector<StepInput>& steps) {
            const StepBatchView last = parse(steps[2]);
            StepBatchHeader header = last.header;
            Bytes list(last.steps.begin(), last.steps.end());
            with(header, list);
            steps[2].payload = tampered.sealed(header, list);
        });
    };
    std::string why;
    SUBCASE("a hold that may take less") {
        replace_last([&](StepBatchHeader&, Bytes& list) {
            HoldStep hold;
            hold.payer = account_id(tampered.a);
            hold.payee = account_id(tampered.b);
            hold.asset = *Asset::make("EUR", Scale(2));
            hold.amount = Amount(5);
            hold.may_take_less = true;
            list.clear();
            append_to_steps({LedgerId(0), command_id(99), hold}, list);
        });
        why = "a hold with may_take_less, which nobody sends";
    }
    SUBCASE("an answer to nothing") {
        replace_last([](StepBatchHeader&, Bytes& list) {
            list.clear();
            append_to_steps(
                {LedgerId(0), command_id(99), AnswerStep{Outcome::posted, Amount(5), {}}}, list);
        });
    }
    SUBCASE("another number of steps than it says") {
        replace_last([](StepBatchHeader& header, Bytes&) { header.count = 2; });
    }
    SUBCASE("no steps at all") {
        replace_last([](StepBatchHeader&, Bytes& list) { list.assign(7, std::byte{0xff}); });
    }
    const std::string said = tampered.stops();
    CAPTURE(said);
    CHECK(said.starts_with("shard 1: steps of shard 0, batch 2: "));
    CHECK(said.find(why) != std::string::npos);
    CHECK(tampered.credited() <= 300);
}
