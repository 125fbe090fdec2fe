#pragma once

#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "events/seal/record_verifier.h"
#include "events/world/mutex.h"

#include <map>
#include <optional>
#include <span>
#include <string>

namespace vouch {

/// Tells a deployment's own records from what others put where records are kept: a log on topics
/// that strangers can write to asks it about all that it meets. Any thread.
class RecordJudge {
public:
    /// `keys` are its own (EpochKeys::clone). Without them a record that names its deployment,
    /// shard and predecessor is taken for what it says: who has no keys cannot tell a forgery.
    RecordJudge(const Deployment& deployment, std::optional<EpochKeys> keys)
        : deployment_(deployment), keys_(std::move(keys)) {}
    RecordJudge(const RecordJudge&) = delete;

    /// Empty when `bytes` are this deployment's record `record` of `shard` (RecordVerifier);
    /// otherwise what is wrong with them.
    std::string fault_of(ShardId shard, RecordNumber record, std::span<const std::byte> bytes);

    /// Whether a record names the one before it, both without fault. Without `previous`: whether it
    /// may be a shard's first one.
    bool follows(std::span<const std::byte> bytes,
                 std::optional<std::span<const std::byte>> previous) const;

private:
    const Deployment deployment_;
    const std::optional<EpochKeys> keys_;
    Mutex mutex_;  ///< guards what follows
    std::map<ShardId, RecordVerifier> verifiers_;
};

}  // namespace vouch
