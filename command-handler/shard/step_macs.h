#pragma once

#include "events/money/ids.h"
#include "events/seal/epoch_keys.h"
#include "events/seal/mac.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace vouch::command_handler {

/// What seals each shard's batches of steps, made when it is first needed. One thread.
class StepMacs {
public:
    /// `keys` outlive it.
    StepMacs(const EpochKeys& keys, std::uint32_t shard_count) : keys_(keys), macs_(shard_count) {}

    Mac& of(ShardId sender) {
        std::optional<Mac>& mac = macs_[sender.value()];
        if (!mac) mac.emplace(keys_.step_key(sender));
        return *mac;
    }

private:
    const EpochKeys& keys_;
    std::vector<std::optional<Mac>> macs_;
};

}  // namespace vouch::command_handler
