#pragma once

#include "command-handler/shard/chain_head.h"
#include "command-handler/shard/open_record.h"
#include "command-handler/shard/shard_environment.h"
#include "command-handler/shard/step_macs.h"
#include "events/log/log.h"
#include "events/money/number.h"
#include "events/seal/mac.h"

#include <optional>

namespace vouch::command_handler {

/// Seals a shard's records into its chain, and the batches of steps that each of them sends. One
/// thread.
class RecordSealer {
public:
    /// `with` outlives it.
    explicit RecordSealer(const ShardEnvironment& with)
        : with_(with), step_macs_(with.keys, with.deployment.shards) {}

    /// `record` continues the chain at `head` and says that inputs are consumed up to `consumed`.
    /// Fills in what it has once sealed.
    void seal(OpenRecord& record, const ChainHead& head, const InputPosition& consumed);

private:
    Mac& mac_of(Epoch epoch);
    void seal_steps(OpenRecord& record);

    const ShardEnvironment& with_;
    StepMacs step_macs_;  // of which its own is used
    std::optional<Mac> mac_;
    Epoch mac_epoch_;
};

}  // namespace vouch::command_handler
