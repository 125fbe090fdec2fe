#include "tests/command-handler/shard_loops.h"
#include "tests/command-handler/watched_log.h"

#include <doctest/doctest.h>

#include <vector>

// A shard that has nothing it may do waits, whatever lies in its inputs.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;

/// Runs a shard here until it waits for the first time.
InputPosition run_until_it_waits(HandlerRig& rig, std::uint32_t shard) {
    WatchedLog log(rig.log);
    ShardLoop loop(
        {ShardId(shard), log, rig.deployment, rig.keys, rig.clock, rig.answers, rig.options});
    REQUIRE(loop.start().has_value());
    log.waited = [&] { loop.stop(); };
    REQUIRE(loop.run().has_value());
    REQUIRE(log.waits.size() == 1);
    return log.waits.front();
}

}  // namespace

TEST_CASE("idle: steps that are ignored are read once") {
    HandlerRig rig(2);
    const std::uint64_t a = rig.account_on(0), b = rig.account_on(1);
    rig.answers.forget();
    rig.send(std::vector{open_account(1, a, Limit::unlimited()), transfer(2, a, b, 5)}, ShardId(0));
    run_until_it_waits(rig, 0);
    StepInput again;
    rig.log.tamper_steps(ShardId(1), [&](std::vector<StepInput>& steps) {
        REQUIRE(steps.size() == 1);
        again = {steps.back().offset.next(), steps.back().payload};
    });
    run_until_it_waits(rig, 1);
    rig.log.tamper_steps(ShardId(1),
                         [&](std::vector<StepInput>& steps) { steps.push_back(again); });
    const RecordNumber before = *rig.log.end(ShardId(1));
    const InputPosition waits = run_until_it_waits(rig, 1);
    CHECK(waits.step > again.offset);
    CHECK(rig.log.end(ShardId(1))->value() == before.value() + 2);  // its term and mark
}

TEST_CASE("idle: a shard above its bound of crossings does not wait for commands") {
    HandlerRig rig(2);
    rig.options.bounds.crossings = 2;
    const std::uint64_t a = rig.account_on(0), b = rig.account_on(1);
    rig.answers.forget();
    std::vector<Command> commands{open_account(1, a, Limit::unlimited())};
    for (std::uint64_t i = 0; i < 3; ++i) commands.push_back(transfer(10 + i, a, b, 5));
    const Offset taken = rig.send(commands, ShardId(0));
    Offset last;
    for (std::uint64_t i = 0; i < 20; ++i) {
        last = rig.send(std::vector{transfer(20 + i, a, b, 5)}, ShardId(0));
    }
    const InputPosition waits = run_until_it_waits(rig, 0);
    CHECK(waits.command == kNoOffset);
    CHECK(kNoOffset > last);
    CHECK(rig.answers.look(ShardId(0), taken).size() == commands.size());
    CHECK(rig.answers.look(ShardId(0), taken.next()).empty());
}
