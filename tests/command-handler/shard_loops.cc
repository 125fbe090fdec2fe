#include "tests/command-handler/shard_loops.h"

#include <doctest/doctest.h>

#include <future>
#include <sstream>

namespace vouch::test {

using command_handler::ChainHead;
using command_handler::ShardLoop;
using command_handler::StepPeer;

namespace {

std::string describe(const ShardLoop& loop) {
    const ChainHead& head = loop.books().head;
    std::ostringstream out;
    out << render(loop.books().state) << "record " << head.next_record.value() << " event "
        << head.next_event.value() << " tag " << short_hex(head.last_digest) << " time "
        << head.last_time.value() << " epoch " << head.epoch.value() << " commands "
        << head.next_command.value() << " steps " << head.next_step.value() << "\n";
    for (std::uint32_t i = 0; i < loop.books().peers.shard_count(); ++i) {
        const StepPeer& peer = loop.books().peers.of(ShardId(i));
        out << i << ": sent " << peer.next_sent.value() << " " << short_hex(peer.last_sent)
            << " taken " << peer.next_taken.value() << "." << peer.steps_taken << " "
            << short_hex(peer.last_taken) << "\n";
    }
    return out.str();
}

}  // namespace

ShardLoops::ShardLoops(HandlerRig& rig)
    : rig_(rig), sent_(rig.deployment.shards), shards_(rig.deployment.shards) {}

ShardLoops::~ShardLoops() { drop(); }

std::unique_ptr<ShardLoop> ShardLoops::make(std::uint32_t shard) {
    auto loop = std::make_unique<ShardLoop>(
        command_handler::ShardEnvironment{ShardId(shard), rig_.log, rig_.deployment, rig_.keys,
                                           rig_.clock, rig_.answers, rig_.options, &sent_, &cuts});
    const Status started = loop->start();
    REQUIRE_MESSAGE(started, started.error().message);
    return loop;
}

void ShardLoops::start() {
    rig_.answers.forget();
    for (std::uint32_t shard = 0; shard < shards_.size(); ++shard) {
        shards_[shard].loop = make(shard);
        shards_[shard].status = {};
    }
}

void ShardLoops::run(std::uint32_t shard) {
    Running& running = shards_[shard];
    if (!running.loop) running.loop = make(shard);
    running.thread = std::thread([this, shard, &running] {
        running.status = running.loop->run();
        running.loop->refuse_questions();
        if (!running.status) rig_.answers.stopped(ShardId(shard), running.status.error(),
                                                    command_handler::FaultScope::shard);
    });
}

void ShardLoops::halt(std::uint32_t shard) {
    Running& running = shards_[shard];
    running.loop->stop();
    running.thread.join();
    REQUIRE_MESSAGE(running.status, running.status.error().message);
    running.loop.reset();
}

Fault ShardLoops::wait_for_fault(std::uint32_t shard) {
    const Fault fault = rig_.answers.wait_until_stopped(ShardId(shard));
    shards_[shard].thread.join();
    return fault;
}

void ShardLoops::drop() {
    for (Running& running : shards_) {
        if (running.thread.joinable()) {
            running.loop->stop();
            running.thread.join();
        }
        running.loop.reset();
    }
}

std::string ShardLoops::inside(std::uint32_t shard) {
    Running& running = shards_[shard];
    if (!running.thread.joinable()) return describe(*running.loop);
    std::promise<std::string> promise;
    const bool asked =
        running.loop->ask([&](ShardLoop& loop) { promise.set_value(describe(loop)); });
    return asked ? promise.get_future().get() : "stopped";
}

std::vector<Answered> ShardLoops::play(std::uint32_t shard, std::span<const Command> commands) {
    const Offset offset = rig_.send(commands, ShardId(shard));
    std::vector<Answered> told = rig_.answers.wait(ShardId(shard), offset, commands.size());
    REQUIRE(told.size() == commands.size());
    return told;
}

void ShardLoops::wait_until_taken(std::uint32_t shard, std::uint32_t from, std::uint64_t batches) {
    ShardLoop& loop = *shards_[shard].loop;
    while (true) {
        std::promise<bool> promise;
        const bool asked = loop.ask([&](ShardLoop& each) {
            promise.set_value(each.books().peers.of(ShardId(from)).next_taken.value() >= batches);
        });
        if (!asked || promise.get_future().get()) return;
    }
}

}  // namespace vouch::test
