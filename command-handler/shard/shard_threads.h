#pragma once

#include "command-handler/shard/answer_sink.h"
#include "command-handler/shard/handler_options.h"
#include "command-handler/shard/kept_ends.h"
#include "command-handler/shard/sent_steps.h"
#include "command-handler/shard/shard_loop.h"
#include "command-handler/shard/step_cuts.h"
#include "command-handler/shard/stopped_shard.h"
#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "events/world/clock.h"
#include "events/world/thread.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace vouch::command_handler {

/// The shards of a process, each with the thread that runs its loop: starts them, tells whoever
/// must know when one stops, ends them.
class ShardThreads {
public:
    /// The sink outlives it.
    ShardThreads(std::uint32_t shard_count, AnswerSink& sink)
        : shard_count_(shard_count), sink_(sink), sent_(shard_count) {}
    ~ShardThreads() { (void)stop(); }
    ShardThreads(const ShardThreads&) = delete;
    ShardThreads& operator=(const ShardThreads&) = delete;

    /// Once. All that is referred to outlives it. A shard that stops alone leaves the others at
    /// work; every other fault is the start's.
    Status start(Log& log, const Deployment& deployment, const EpochKeys& keys, Clock& clock,
                 const HandlerOptions& options);
    /// Ends them when what was decided is durable: the first fault.
    Status stop();

    // --- Any thread.
    std::uint32_t count() const { return shard_count_; }
    ShardLoop& loop(ShardId shard) { return shards_[shard.value()]->loop; }
    const ShardLoop& loop(ShardId shard) const { return shards_[shard.value()]->loop; }
    const StepCuts& cuts() const { return cuts_; }

    /// Warnings of the start, for people.
    std::span<const std::string> warnings() const { return warnings_; }

private:
    /// One shard: its loop and the thread that runs it.
    struct ShardThread {
        explicit ShardThread(const ShardEnvironment& environment) : loop(environment) {}

        ShardLoop loop;
        Thread thread;
        Status status;
    };

    Status open_ends(const Deployment& deployment, const EpochKeys& keys,
                     const HandlerOptions& options);
    Status start_loops();
    Status start_loops(std::size_t first, std::size_t end);
    void run(ShardThread& shard);
    void look_for_other_writer(ShardThread& shard);
    void note_stop(const ShardThread& stopped);
    FaultScope scope_of(const Fault& fault) const;

    const std::uint32_t shard_count_;
    AnswerSink& sink_;
    SentSteps sent_;  // the shards' threads use it, and what follows
    StepCuts cuts_;
    std::unique_ptr<KeptEnds> ends_;  // likewise
    std::vector<std::unique_ptr<ShardThread>> shards_;
    std::vector<std::string> warnings_;
    Log* log_ = nullptr;
};

}  // namespace vouch::command_handler
