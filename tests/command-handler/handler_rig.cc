#include "tests/command-handler/handler_rig.h"

#include "events/money/shard_of.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace vouch::test {

using command_handler::Answer;
using command_handler::Handler;

namespace {

Answered copy_of(const Answer& each) {
    Answered copy;
    copy.id = each.id;
    copy.outcome = each.outcome;
    copy.repeated = each.repeated;
    copy.in_transit = copy.was_in_transit = each.in_transit;
    copy.is_last = each.is_last;
    copy.record = each.record;
    copy.event = each.event;
    if (each.details != nullptr) {
        copy.facts = each.details->facts;
        copy.asset = each.details->asset;
        copy.moved = each.details->moved;
        copy.members = each.details->members;
        copy.field = each.details->field;
    }
    return copy;
}

}  // namespace

void AnswerBook::answered(ShardId shard, Offset batch, std::size_t first,
                          std::span<const Answer> answers) {
    const std::lock_guard lock(mutex_);
    std::vector<Answered>& told = answers_[{shard, batch}];
    if (first < told.size()) {
        for (std::size_t i = 0; i < answers.size(); ++i) take_second(told, first + i, answers[i]);
        changed_.notify_all();
        return;
    }
    if (first != told.size() || batch < newest_[shard]) {
        disorder_ +=
            "batch " + std::to_string(batch.value()) + " member " + std::to_string(first) + "; ";
    }
    newest_[shard] = batch;
    for (const Answer& each : answers) told.push_back(copy_of(each));
    count_ += answers.size();
    changed_.notify_all();
}

void AnswerBook::take_second(std::vector<Answered>& told, std::size_t member,
                             const Answer& answer) {
    if (member >= told.size() || !told[member].in_transit || told[member].is_last ||
        answer.in_transit ||
        answer.repeated != told[member].repeated || answer.id != told[member].id) {
        disorder_ += "second answer of member " + std::to_string(member) + "; ";
        return;
    }
    told[member] = copy_of(answer);
    told[member].was_in_transit = true;
}

std::size_t AnswerBook::outcomes(const std::vector<Answered>& told) const {
    return static_cast<std::size_t>(std::count_if(
        told.begin(), told.end(), [](const Answered& each) { return !each.in_transit; }));
}

std::vector<Answered> AnswerBook::wait_for_outcomes(ShardId shard, Offset batch,
                                                    std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
        return !stopped_.empty() || outcomes(answers_[{shard, batch}]) >= count;
    });
    return answers_[{shard, batch}];
}

void AnswerBook::stopped(ShardId shard, const Fault& fault, command_handler::FaultScope) {
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

std::unique_ptr<SimulatedLog> copy_below(LogReader& log, RecordNumber end) {
    auto copy = std::make_unique<SimulatedLog>(1);
    REQUIRE(copy->acquire(kShard0, Term(0)).has_value());
    for (RecordNumber next(0); next < end; next = next.next()) {
        std::vector<StoredRecord> records;
        REQUIRE(log.read_records(kShard0, next, 1, records).has_value());
        const ByteView bytes = records.at(0).bytes;
        REQUIRE(copy->commit(kShard0, Term(0), {next, std::span(&bytes, 1), {}}).has_value());
    }
    copy->crash();
    return copy;
}

HandlerRig::HandlerRig(std::uint32_t shards, bool test_clock)
    : deployment(make_deployment(shards, test_clock, Timestamp(kStart_us)).deployment),
      keys(make_test_keys(deployment)),
      log(shards),
      clock(Timestamp(kStart_us)) {
    options.directory = directory.path() / "shards";
    options.bounds.mark_after_us = kNoMarks_us;
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

ShardId home_of(const Command& command, std::uint32_t shards) {
    const AccountId account = deciding_account(command);
    return account.is_zero() ? kShard0 : shard_of(account, shards);
}

std::uint64_t account_on(std::uint32_t shards, std::uint32_t shard, std::uint64_t nth) {
    for (std::uint64_t number = 0;; ++number) {
        if (shard_of(account_id(number), shards) != ShardId(shard)) continue;
        if (nth-- == 0) return number;
    }
}

std::vector<Answered> play_routed(Log& log, AnswerBook& answers,
                                  std::span<const Command> commands) {
    const std::uint32_t shards = log.shard_count();
    std::vector<std::vector<Command>> parts(shards);
    for (const Command& command : commands) {
        parts[home_of(command, shards).value()].push_back(command);
    }
    std::vector<std::optional<Offset>> offsets(shards);
    for (std::uint32_t shard = 0; shard < shards; ++shard) {
        if (parts[shard].empty()) continue;
        const Result<Offset> offset = log.produce(ShardId(shard), batch_of(parts[shard]));
        if (!offset) return {};  // the log has failed
        offsets[shard] = *offset;
    }
    std::vector<std::vector<Answered>> told(shards);
    for (std::uint32_t shard = 0; shard < shards; ++shard) {
        if (!offsets[shard]) continue;
        const std::size_t count = parts[shard].size();
        told[shard] = answers.wait_for_outcomes(ShardId(shard), *offsets[shard], count);
        const bool all_there = std::none_of(told[shard].begin(), told[shard].end(),
                                            [](const Answered& each) { return each.in_transit; });
        if (told[shard].size() != count || !all_there) return {};
    }
    std::vector<Answered> in_order;
    std::vector<std::size_t> next(shards);
    for (const Command& command : commands) {
        const std::uint32_t shard = home_of(command, shards).value();
        in_order.push_back(told[shard][next[shard]++]);
        REQUIRE(in_order.back().id == command.id);
    }
    return in_order;
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

LogFold fold(HandlerRig& rig, ShardId shard) {
    LogFold folded(rig.deployment, rig.keys, shard);
    folded.read(rig.log);
    CHECK(folded.faults == std::vector<std::string>{});
    for (const LogFold::Record& each : folded.records) CHECK(each.bytes <= kRecordBytesMax);
    return folded;
}

}  // namespace vouch::test
