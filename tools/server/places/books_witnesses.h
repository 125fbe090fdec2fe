#pragma once

#include "events/log/log_witness.h"
#include "events/seal/epoch_keys.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

namespace vouch::places {

/// One of those who keep what they have seen of a shard.
struct BooksWitness {
    LogWitness seen;
    std::filesystem::path path;
    bool is_view = false;  ///< made by whoever asks, of what the log has then
};

/// What a data directory keeps beside its log, as witnesses of where that ended: shard stores,
/// snapshots and views, whichever of them this process is about to use. Other shards' steps are no
/// witness of their own in an embedded log: the record that took one lies behind it.
class BooksWitnesses final : public LogWitnesses {
public:
    /// The keys outlive it.
    BooksWitnesses(std::filesystem::path shards, std::filesystem::path views, const EpochKeys& keys,
                   std::uint32_t shard_count)
        : shards_(std::move(shards)),
          views_(std::move(views)),
          keys_(keys),
          shard_count_(shard_count) {}

    std::optional<LogWitness> seen_beyond(ShardId shard, RecordNumber end) override;
    /// Where the witness lies that has seen most; empty when none has seen the record `end`.
    std::optional<std::filesystem::path> path_beyond(ShardId shard, RecordNumber end);
    /// All that say that the shard goes at least as far as `at_least`.
    std::vector<BooksWitness> all(ShardId shard, RecordNumber at_least);

private:
    std::optional<BooksWitness> find(ShardId shard, RecordNumber end);

    std::filesystem::path shards_;
    std::filesystem::path views_;
    const EpochKeys& keys_;
    std::uint32_t shard_count_;
};

/// The same for who has no keys, as far as that goes: what snapshots claim of themselves, which
/// nothing proves. Stores and views are not read.
class SnapshotClaims final : public LogWitnesses {
public:
    explicit SnapshotClaims(std::filesystem::path shards) : shards_(std::move(shards)) {}

    std::optional<LogWitness> seen_beyond(ShardId shard, RecordNumber end) override;

private:
    std::filesystem::path shards_;
};

}  // namespace vouch::places
