#include "command-handler/shard/shard_threads.h"

#include "events/world/notice.h"

#include <algorithm>

namespace vouch::command_handler {
namespace {

/// Starts at once, at most: each holds a whole snapshot in memory for a moment.
constexpr std::size_t kStartsMax = 4;

}  // namespace

Status ShardThreads::start(Log& log, const Deployment& deployment, const EpochKeys& keys,
                           Clock& clock, const HandlerOptions& options) {
    if (Status kept = open_ends(deployment, keys, options); !kept) return kept;
    for (std::uint32_t i = 0; i < shard_count_; ++i) {
        const ShardEnvironment environment{ShardId(i), log,     deployment, keys,   clock,
                                           sink_,      options, &sent_,     &cuts_, ends_.get()};
        shards_.push_back(std::make_unique<ShardThread>(environment));
    }
    log_ = &log;
    if (Status status = start_loops(); !status) return status;
    const auto is_stopped = [](const auto& each) { return !each->status; };
    if (std::all_of(shards_.begin(), shards_.end(), is_stopped)) return shards_.front()->status;
    for (const std::unique_ptr<ShardThread>& each : shards_) {
        if (each->status) continue;
        note_stop(*each);
        each->loop.refuse_questions();
    }
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        ShardThread& each = *shards_[i];
        if (!each.status) continue;
        each.thread = Thread("shard-" + std::to_string(i), [this, &each] { run(each); });
    }
    return {};
}

/// Not on brokers, where a record can be durable a little before readers see it: a start that
/// comes just then would take it for lost.
Status ShardThreads::open_ends(const Deployment& deployment, const EpochKeys& keys,
                               const HandlerOptions& options) {
    if (deployment.kafka) return {};
    auto ends = KeptEnds::open(options.directory / "ends", keys, shard_count_, warnings_,
                               *options.files);
    if (!ends) return ends.error();
    ends_ = std::move(*ends);
    return {};
}

/// Side by side: a start is reading and, on brokers, waiting.
Status ShardThreads::start_loops() {
    for (std::size_t first = 0; first < shards_.size(); first += kStartsMax) {
        const std::size_t end = std::min(shards_.size(), first + kStartsMax);
        if (Status status = start_loops(first, end); !status) return status;
    }
    return {};
}

Status ShardThreads::start_loops(std::size_t first, std::size_t end) {
    for (std::size_t i = first; i < end; ++i) {
        ShardThread& each = *shards_[i];
        each.thread = Thread("start-" + std::to_string(i), [this, &each] {
            each.status = each.loop.start();
            if (!each.loop.stops_alone()) look_for_other_writer(each);
        });
    }
    for (std::size_t i = first; i < end; ++i) shards_[i]->thread.join();
    Status fault;
    for (std::size_t i = first; i < end; ++i) {
        const Status& started = shards_[i]->status;
        if (fault && !started && !shards_[i]->loop.stops_alone()) fault = started;
        const std::span<const std::string> warnings = shards_[i]->loop.warnings();
        warnings_.insert(warnings_.end(), warnings.begin(), warnings.end());
    }
    return fault;
}

void ShardThreads::run(ShardThread& shard) {
    shard.status = shard.loop.run();
    look_for_other_writer(shard);
    if (!shard.status) note_stop(shard);
    shard.loop.refuse_questions();
}

/// Whoever has lost the shard takes for damage what another one has consumed, and steps that answer
/// to another one's records. (Where another shard's loss has ended the log, it is told that first.)
void ShardThreads::look_for_other_writer(ShardThread& shard) {
    if (shard.status || shard.status.error().code != FaultCode::corrupt) return;
    const Status written = log_->check_writer(shard.loop.books().state.shard());
    if (!written && written.error().code == FaultCode::fenced) shard.status = written;
}

/// Known before its questions are refused and whoever waits for it is told.
void ShardThreads::note_stop(const ShardThread& stopped) {
    const ShardId shard = stopped.loop.books().state.shard();
    const Fault& fault = stopped.status.error();
    const bool is_last = cuts_.stop({shard, fault}) == shard_count_;
    const FaultScope scope = is_last ? FaultScope::log : scope_of(fault);
    if (scope == FaultScope::shard) {
        tell({Severity::alarm, "shard_stopped",
              "shard " + std::to_string(shard.value()) +
                  " has stopped, the others go on: " + fault.message,
              shard});
    }
    sink_.stopped(shard, fault, scope);
}

/// What leaves the log at work is the shard's own, unless its turn to write is over.
FaultScope ShardThreads::scope_of(const Fault& fault) const {
    switch (fault.code) {
        case FaultCode::corrupt:
        case FaultCode::storage:
            return log_->failure() ? FaultScope::log : FaultScope::shard;
        case FaultCode::retriable:
        case FaultCode::fenced:
        case FaultCode::configuration:
            return FaultScope::log;
    }
    return FaultScope::log;
}

Status ShardThreads::stop() {
    for (const std::unique_ptr<ShardThread>& each : shards_) each->loop.stop();
    Status first;
    for (const std::unique_ptr<ShardThread>& each : shards_) {
        if (each->thread.joinable()) each->thread.join();
        if (first && !each->status) first = each->status;
    }
    ends_.reset();
    return first;
}

}  // namespace vouch::command_handler
