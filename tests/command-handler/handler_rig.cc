#include "tests/command-handler/handler_rig.h"

#include <doctest/doctest.h>

namespace vouch::test {

using command_handler::Answer;
using command_handler::Handler;

void AnswerBook::answered(ShardId shard, Offset batch, std::size_t first,
                          std::span<const Answer> answers) {
    const std::lock_guard lock(mutex_);
    std::vector<Answered>& told = answers_[{shard, batch}];
    if (first != told.size() || batch < newest_[shard]) {
        disorder_ +=
            "batch " + std::to_string(batch.value()) + " member " + std::to_string(first) + "; ";
    }
    newest_[shard] = batch;
    for (const Answer& each : answers) {
        Answered copy;
        copy.id = each.id;
        copy.outcome = each.outcome;
        copy.repeated = each.repeated;
        copy.record = each.record;
        copy.event = each.event;
        if (each.details != nullptr) {
            copy.facts = each.details->facts;
            copy.asset = each.details->asset;
            copy.moved = each.details->moved;
            copy.members = each.details->members;
            copy.field = each.details->field;
        }
        told.push_back(std::move(copy));
    }
    count_ += answers.size();
    changed_.notify_all();
}

void AnswerBook::stopped(ShardId shard, const Fault& fault) {
    const std::lock_guard lock(mutex_);
    stopped_.emplace(shard, fault);
    changed_.notify_all();
}

std::vector<Answered> AnswerBook::wait(ShardId shard, Offset batch, std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
        return stopped_.contains(shard) || answers_[{shard, batch}].size() >= count;
    });
    return answers_[{shard, batch}];
}

std::vector<Answered> AnswerBook::look(ShardId shard, Offset batch) {
    const std::lock_guard lock(mutex_);
    return answers_[{shard, batch}];
}

Fault AnswerBook::wait_until_stopped(ShardId shard) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_.contains(shard); });
    return stopped_.at(shard);
}

bool AnswerBook::has_stopped(ShardId shard) {
    const std::lock_guard lock(mutex_);
    return stopped_.contains(shard);
}

std::size_t AnswerBook::count() {
    const std::lock_guard lock(mutex_);
    return count_;
}

std::string AnswerBook::disorder() {
    const std::lock_guard lock(mutex_);
    return disorder_;
}

void AnswerBook::forget() {
    const std::lock_guard lock(mutex_);
    answers_.clear();
    newest_.clear();
    stopped_.clear();
}

HandlerRig::HandlerRig(std::uint32_t shards, bool test_clock)
    : deployment(make_deployment(shards, test_clock, Timestamp(kStart_us)).deployment),
      keys(make_test_keys(deployment)),
      log(shards),
      clock(Timestamp(kStart_us)) {
    options.directory = directory.path() / "shards";
}

HandlerRig::~HandlerRig() {
    handler.reset();
    CHECK(answers.disorder() == "");
}

void HandlerRig::start() {
    REQUIRE(!handler);
    answers.forget();
    auto started = Handler::start(log, deployment, keys, clock, answers, options);
    REQUIRE_MESSAGE(started, started.error().message);
    handler = std::move(*started);
}

Fault HandlerRig::start_fault() {
    answers.forget();
    const auto started = Handler::start(log, deployment, keys, clock, answers, options);
    REQUIRE(!started);
    return started.error();
}

void HandlerRig::stop() {
    const Status stopped = handler->stop();
    REQUIRE_MESSAGE(stopped, stopped.error().message);
    handler.reset();
}

void HandlerRig::crash(std::size_t survivors) {
    log.crash(survivors);
    handler.reset();
}

Offset HandlerRig::send(std::span<const Command> commands, ShardId shard) {
    return send_bytes(batch_of(commands), shard);
}

Offset HandlerRig::send_bytes(Bytes batch, ShardId shard) {
    const Result<Offset> offset = log.produce(shard, std::move(batch));
    REQUIRE_MESSAGE(offset, offset.error().message);
    return *offset;
}

std::vector<Answered> HandlerRig::play(std::span<const Command> commands, ShardId shard) {
    const Offset offset = send(commands, shard);
    std::vector<Answered> told = answers.wait(shard, offset, commands.size());
    REQUIRE(told.size() == commands.size());
    for (std::size_t i = 0; i < told.size(); ++i) REQUIRE(told[i].id == commands[i].id);
    return told;
}

void HandlerRig::open_accounts(std::uint64_t accounts, std::uint64_t funds) {
    constexpr std::uint64_t kIds = 1'000'000'000;
    std::vector<Command> commands{open_cash(kIds)};
    const auto flush = [&] {
        for (const Answered& each : play(commands)) REQUIRE(is_accepted(each.outcome));
        commands.clear();
    };
    for (std::uint64_t i = 1; i <= accounts; ++i) {
        commands.push_back(open_account(kIds + 2 * i, i));
        if (funds > 0) commands.push_back(transfer(kIds + 2 * i + 1, 0, i, funds));
        if (commands.size() + 2 > kBatchCommandsMax) flush();
    }
    flush();
}

}  // namespace vouch::test
