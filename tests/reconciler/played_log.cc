#include "tests/reconciler/played_log.h"

#include "command-handler/shard/handler.h"
#include "events/check.h"
#include "events/entries/codec.h"
#include "events/money/shard_of.h"
#include "tests/support/manual_clock.h"
#include "tests/support/simulated_log.h"
#include "tests/support/temporary_directory.h"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

namespace vouch::test {

namespace {

/// A shard that rests writes no mark by itself: which records there are depends on nobody's speed.
constexpr std::int64_t kNoMarks_us = std::int64_t{1} << 50;

/// Lets the player wait until a number of commands are answered.
class AnswerCount final : public command_handler::AnswerSink {
public:
    void answered(ShardId, Offset, std::size_t,
                  std::span<const command_handler::Answer> answers) override {
        const std::lock_guard lock(mutex_);
        // What waits for another shard is answered a second time.
        for (const command_handler::Answer& answer : answers) count_ += answer.in_transit ? 0 : 1;
        changed_.notify_all();
    }
    void stopped(ShardId, const Fault&, command_handler::FaultScope) override {
        VOUCH_ASSERT(false);
    }
    void wait_for(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return count_ >= count; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t count_ = 0;
};

class Player {
public:
    explicit Player(const SealedDeployment& sealed, SentLists* sent_lists = nullptr)
        : sealed_(sealed),
          sent_lists_(sent_lists),
          log_(sealed.deployment().shards),
          clock_(sealed.deployment().created_at) {
        start();
    }
    ~Player() { stop(); }

    void play(const ScenarioBatch& batch) {
        VOUCH_ASSERT(clock_.advance(batch.after_us));
        if (batch.restart_first) {
            stop();
            start();
        }
        std::map<ShardId, Bytes> inputs;
        for (const OwnedCommand& command : batch.commands) {
            const Command& view = command.view();
            const AccountId decides = deciding_account(view);
            append_to_batch(
                view,
                inputs[decides.is_zero() ? ShardId(0) : shard_of(decides, log_.shard_count())]);
        }
        sent_ += batch.commands.size();
        for (const auto& [shard, bytes] : inputs) send(shard, bytes);
        if (sent_lists_ != nullptr) stray(batch.commands.front());
        answers_.wait_for(sent_);
    }
    /// Bytes that are no batch of commands.
    void play_garbage(std::size_t size) {
        sent_ += 1;
        send(ShardId(0), Bytes(size, std::byte{0xff}));
        answers_.wait_for(sent_);
    }
    RecordList finish() {
        stop();
        return copy_log(log_);
    }

private:
    void send(ShardId shard, const Bytes& bytes) {
        const Result<Offset> offset = log_.produce(shard, bytes);
        VOUCH_ASSERT(offset.has_value());
        if (sent_lists_ == nullptr) return;
        sent_lists_->resize(log_.shard_count());
        (*sent_lists_)[shard.value()].push_back({*offset, bytes});
    }
    /// Another time, to the shard behind the one that decides it. Nobody waits for its answer.
    void stray(const OwnedCommand& command) {
        const AccountId decides = deciding_account(command.view());
        if (decides.is_zero() || log_.shard_count() == 1) return;
        const std::uint32_t home = shard_of(decides, log_.shard_count()).value();
        Bytes bytes;
        append_to_batch(command.view(), bytes);
        send(ShardId((home + 1) % log_.shard_count()), bytes);
    }
    void start() {
        command_handler::HandlerOptions options;
        options.directory = directory_.path();
        options.bounds.mark_after_us = kNoMarks_us;
        Result<std::unique_ptr<command_handler::Handler>> handler = command_handler::Handler::start(
            log_, sealed_.deployment(), sealed_.keys, clock_, answers_, options);
        VOUCH_ASSERT(handler.has_value());
        handler_ = std::move(*handler);
    }
    void stop() {
        if (!handler_) return;
        VOUCH_ASSERT(handler_->stop().has_value());
        handler_.reset();
    }

    const SealedDeployment& sealed_;
    SentLists* const sent_lists_;
    TemporaryDirectory directory_;
    SimulatedLog log_;
    ManualClock clock_;
    AnswerCount answers_;
    std::size_t sent_ = 0;
    std::unique_ptr<command_handler::Handler> handler_;
};

}  // namespace

RecordList play_scenario(const SealedDeployment& sealed, const Scenario& scenario) {
    Player player(sealed);
    for (const ScenarioBatch& batch : scenario.batches) player.play(batch);
    return player.finish();
}

RecordList make_busy_log(const SealedDeployment& sealed, std::uint64_t seed, std::size_t commands,
                         SentLists* sent) {
    constexpr std::size_t kBatchesAGarbage = 16;
    constexpr std::size_t kBatchesAnEpoch = 24;
    GeneratorOptions options;
    options.commands = commands;
    options.shards = sealed.deployment().shards;
    Scenario scenario = make_scenario(seed, options);
    Player player(sealed, sent);
    for (std::size_t i = 0; i < scenario.batches.size(); ++i) {
        ScenarioBatch& batch = scenario.batches[i];
        if (i % kBatchesAnEpoch == kBatchesAnEpoch - 1) batch.after_us += kEpochMicrosecondsMax;
        player.play(batch);
        if (i % kBatchesAGarbage == kBatchesAGarbage - 1) player.play_garbage(i);
    }
    return player.finish();
}

reconciler::ReplayReport replay_list(RecordList& records, const SealedDeployment& sealed,
                                     const std::function<void(reconciler::ReplayOptions&)>& set) {
    constexpr std::size_t kIdMemory = 1u << 20;
    reconciler::ReplayOptions options;
    options.keys = &sealed.keys;
    options.threads = 1;
    options.id_memory_bytes = kIdMemory;
    if (set) set(options);
    Result<reconciler::ReplayReport> report =
        reconciler::replay(records, sealed.deployment(), options);
    VOUCH_ASSERT(report.has_value());
    return std::move(*report);
}

std::string text_of_findings(const reconciler::ReplayReport& report) {
    std::string text;
    for (const reconciler::Finding& finding : report.findings.kept())
        text += to_text(finding) + '\n';
    return text;
}

}  // namespace vouch::test
