#pragma once

#include "command-handler/shard/handler.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "tests/command-handler/log_fold.h"
#include "tests/command-handler/sample_commands.h"
#include "tests/support/manual_clock.h"
#include "tests/support/simulated_log.h"
#include "tests/support/temporary_directory.h"

#include <condition_variable>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vouch::test {

/// An answer that outlives the call it came by.
struct Answered {
    CommandId id;
    Outcome outcome = Outcome::malformed;
    bool repeated = false;
    /// Still waiting for its outcome; and whether it ever did.
    bool in_transit = false;
    bool was_in_transit = false;
    bool is_last = false;
    RecordNumber record;
    EventNumber event;
    Facts facts;
    std::optional<Asset> asset;
    std::optional<Amount> moved;
    std::vector<MemberOutcome> members;
    std::string field;
};

/// Keeps every answer, and checks that the first ones of a shard come in order and without gaps,
/// and second ones only for what was in transit; they take the place of the first. Any thread.
class AnswerBook final : public command_handler::AnswerSink {
public:
    void answered(ShardId shard, Offset batch, std::size_t first,
                  std::span<const command_handler::Answer> answers) override;
    void stopped(ShardId shard, const Fault& fault,
                 command_handler::FaultScope scope) override;

    /// Blocks until `count` members of the batch are answered, or the shard has stopped.
    std::vector<Answered> wait(ShardId shard, Offset batch, std::size_t count);
    /// Blocks until `count` members have their outcomes, or any shard has stopped.
    std::vector<Answered> wait_for_outcomes(ShardId shard, Offset batch, std::size_t count);
    /// What is there now.
    std::vector<Answered> look(ShardId shard, Offset batch);
    /// Blocks until one more of the shard's batches has answers than `seen`, or it has stopped.
    Fault wait_until_stopped(ShardId shard);
    bool has_stopped(ShardId shard);
    /// Answers of all batches so far.
    std::size_t count();
    /// What was out of order; empty when nothing was.
    std::string disorder();
    /// For a new handler on the same log, which may give offsets out again.
    void forget();

private:
    using Key = std::pair<ShardId, Offset>;
    void take_second(std::vector<Answered>& told, std::size_t member,
                     const command_handler::Answer& answer);
    std::size_t outcomes(const std::vector<Answered>& told) const;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<Key, std::vector<Answered>> answers_;
    std::map<ShardId, Offset> newest_;
    std::map<ShardId, Fault> stopped_;
    std::size_t count_ = 0;
    std::string disorder_;
};

/// The shard that decides a command.
ShardId home_of(const Command& command, std::uint32_t shards);

/// The number of an account that belongs to the shard: the `nth` one, from 0.
std::uint64_t account_on(std::uint32_t shards, std::uint32_t shard, std::uint64_t nth);

/// Sends each command to the shard that decides it, all of a shard as one batch, and waits for the
/// outcomes. In the order of the commands; empty when a shard stopped before.
std::vector<Answered> play_routed(Log& log, AnswerBook& answers, std::span<const Command> commands);

/// The same log as it was, or as if it had lost, its records from `end` on.
std::unique_ptr<SimulatedLog> copy_below(LogReader& log, RecordNumber end);

/// The first record's time, unless the deployment has a test clock.
inline constexpr std::int64_t kStart_us = 1'700'000'000'000'000;

/// As HandlerBounds::mark_after_us: a shard that rests writes no mark by itself, so that which
/// records there are does not depend on how fast a test is. A clean stop's is still there.
inline constexpr std::int64_t kNoMarks_us = std::int64_t{1} << 50;

/// A deployment on the simulated log, and a handler that can be stopped, crashed and started again.
/// Checks along the way are doctest requirements.
class HandlerRig {
public:
    explicit HandlerRig(std::uint32_t shards = 1, bool test_clock = false);
    ~HandlerRig();

    void start();
    /// Starts a handler that must not start.
    Fault start_fault();
    void stop();
    /// The process dies: commits in flight are lost but for the oldest `survivors`.
    void crash(std::size_t survivors = 0);

    Offset send(std::span<const Command> commands, ShardId shard = kShard0);
    Offset send_bytes(Bytes batch, ShardId shard = kShard0);
    /// Sends one batch and waits for its answers.
    std::vector<Answered> play(std::span<const Command> commands, ShardId shard = kShard0);
    std::vector<Answered> play(std::initializer_list<Command> commands, ShardId shard = kShard0) {
        return play(std::span(commands.begin(), commands.size()), shard);
    }
    /// As the function of this name.
    std::vector<Answered> play_routed(std::span<const Command> commands) {
        return test::play_routed(log, answers, commands);
    }
    std::vector<Answered> play_routed(std::initializer_list<Command> commands) {
        return play_routed(std::span(commands.begin(), commands.size()));
    }
    /// As the function of this name.
    std::uint64_t account_on(std::uint32_t shard, std::uint64_t nth = 0) const {
        return test::account_on(deployment.shards, shard, nth);
    }
    Answered play_one(const Command& command) { return play({command}).at(0); }
    /// Opens cash and accounts 1 to `accounts`, each with `funds`, under ids from 1'000'000'000.
    void open_accounts(std::uint64_t accounts, std::uint64_t funds);

    /// Bounds that the next start takes; a new handler by hand takes them too.
    command_handler::HandlerOptions options;
    TemporaryDirectory directory;
    Deployment deployment;
    EpochKeys keys;
    SimulatedLog log;
    ManualClock clock;
    AnswerBook answers;
    std::unique_ptr<command_handler::Handler> handler;
};

/// A shard's log from its start, without a fault.
LogFold fold(HandlerRig& rig, ShardId shard = kShard0);

}  // namespace vouch::test
