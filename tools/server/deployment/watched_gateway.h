#pragma once

#include "command-handler/gateway/command_gateway.h"
#include "command-handler/gateway/wake_descriptor.h"
#include "tools/server/metrics/outcome_counts.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vouch::server {

/// Passes on what shards answer, counts it, and keeps why nothing goes on, if nothing does.
class WatchedGateway final : public command_handler::AnswerSink {
public:
    WatchedGateway(command_handler::CommandGateway& gateway, command_handler::WakeDescriptor& wake,
                   std::uint32_t shards)
        : gateway_(gateway), wake_(wake), told_(shards) {}

    void answered(ShardId shard, Offset batch, std::size_t first,
                  std::span<const command_handler::Answer> answers) override {
        told_.add(shard, answers);
        gateway_.answered(shard, batch, first, answers);
    }
    void stopped(ShardId shard, const Fault& fault, command_handler::FaultScope scope) override {
        gateway_.stopped(shard, fault, scope);
        if (scope == command_handler::FaultScope::shard) return;
        has_stopped_ = true;
        wake_.wake();
    }
    void held_back(const command_handler::HeldBack& held) override { gateway_.held_back(held); }
    bool has_stopped() const { return has_stopped_; }
    const metrics::OutcomeCounts& told() const { return told_; }

private:
    command_handler::CommandGateway& gateway_;
    command_handler::WakeDescriptor& wake_;
    metrics::OutcomeCounts told_;
    std::atomic<bool> has_stopped_{false};
};

}  // namespace vouch::server
