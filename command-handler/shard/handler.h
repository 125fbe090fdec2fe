#pragma once

#include "command-handler/shard/answer_sink.h"
#include "command-handler/shard/handler_options.h"
#include "command-handler/shard/isolated_inputs.h"
#include "command-handler/shard/look_up.h"
#include "command-handler/shard/stopped_shard.h"
#include "events/entries/command.h"
#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "events/world/clock.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vouch::command_handler {

/// The command handler of a deployment: one thread a shard takes commands from the log, decides,
/// seals, commits and answers.
class Handler {
public:
    /// Takes over every shard: rebuilds its state (snapshot, shard store, log), starts a term.
    /// Everything referred to outlives the handler. A shard whose records cannot be read or do not
    /// follow stops alone, if another one is left; every other fault is the start's.
    static Result<std::unique_ptr<Handler>> start(Log& log, const Deployment& deployment,
                                                  const EpochKeys& keys, Clock& clock,
                                                  AnswerSink& sink, const HandlerOptions& options);
    virtual ~Handler() = default;

    /// Answered by the shard's thread between two batches, as of what is decided (which may not be
    /// durable yet). Blocks. Any thread but a shard's.
    virtual LookUp<KnownAccount> find_account(LedgerId ledger, AccountId account) = 0;
    virtual LookUp<KnownHold> find_hold(LedgerId ledger, CommandId hold) = 0;
    virtual LookUp<KnownEntry> find_entry(LedgerId ledger, CommandId entry) = 0;

    /// The command that had the id of `command` first, if a shard but `decides` has seen it and
    /// that one has not, which would answer for itself. Asks a shard only when its filter says
    /// "perhaps", so that an id that is new takes no waiting.
    virtual LookUp<KnownCommand> find_command(const Command& command,
                                              std::optional<ShardId> decides) = 0;

    /// False when the shard has surely not seen a command of this id. Any thread; does not block.
    virtual bool may_have_seen(ShardId shard, LedgerId ledger, CommandId id) const = 0;

    /// Why the shard has stopped; empty while it goes on. Any thread; does not block.
    virtual std::optional<StoppedShard> stop_of(ShardId shard) const = 0;
    /// Every shard that has stopped, in order.
    virtual std::vector<StoppedShard> stopped() const = 0;
    /// Why what crosses between two shards does not end: one of them has stopped, or is held back
    /// by the other. Any thread; does not block.
    virtual std::optional<StoppedShard> stop_between(ShardId one, ShardId other) const = 0;
    virtual std::vector<HeldBack> held_back() const = 0;

    /// Any thread; does not block.
    virtual IsolatedInputs isolated(ShardId shard) const = 0;
    /// Whether its clock has leapt forward, as of its newest record. Any thread; does not block.
    virtual bool has_clock_leapt(ShardId shard) const = 0;
    /// Commands of the shard that wait for another one's answer. Any thread; does not block.
    virtual std::uint64_t in_transit(ShardId shard) const = 0;

    /// Finishes what was read, or leaves it to the topics that have it; writes snapshots and
    /// stores, ends the threads. Once.
    virtual Status stop() = 0;

    /// Warnings of the start ("snapshot ignored: …"), for people.
    virtual std::span<const std::string> warnings() const = 0;
};

}  // namespace vouch::command_handler
