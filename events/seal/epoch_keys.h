#pragma once

#include "events/money/number.h"
#include "events/seal/deployment.h"
#include "events/seal/mac.h"

#include <string_view>

namespace vouch {

/// Derives every key of a deployment from its root and the bytes of its Deployment message, so that
/// nothing sealed under the one fits another (formulas: schemas/record.proto).
/// Threads: const calls from any.
class EpochKeys {
public:
    EpochKeys(SecretKey root, const Deployment& deployment);

    /// The same keys again, for an object that keeps its own.
    EpochKeys clone() const;

    /// K of (shard, epoch), for records.
    SecretKey record_key(ShardId shard, Epoch epoch) const;
    /// For the batches of steps that a shard sends.
    SecretKey step_key(ShardId from) const;
    /// For the archive's trailer.
    SecretKey archive_key() const;
    /// For what a handler keeps beside the log (snapshots, shard stores), by purpose, as
    /// "vouch/<purpose>/v2".
    SecretKey local_key(std::string_view purpose, ShardId shard) const;
    /// SHA-256("vouch/key-commitment/v1\0" | K), published by the seal before K is used.
    Digest commitment(ShardId shard, Epoch epoch) const;

private:
    EpochKeys(SecretKey root, const Digest& genesis);

    SecretKey root_;
    Digest genesis_;
};

/// An epoch ends at the first record boundary after this many events…
inline constexpr std::uint64_t kEpochEventsMax = 16'777'216;
/// …or when the next record's time is this far past the epoch's first record.
inline constexpr std::int64_t kEpochMicrosecondsMax = 10LL * 60 * 1'000'000;

}  // namespace vouch
