#pragma once

#include "command-handler/shard/locator.h"
#include "events/result.h"
#include "events/seal/epoch_keys.h"
#include "events/seal/mac.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace rocksdb {
class FileSystem;
}

namespace vouch::command_handler {

/// How far a shard store has followed the log.
struct StorePosition {
    RecordNumber next_record;
    Digest digest{};  ///< of the record before it; the genesis tag at 0
};

/// Facts of committed records, on disk for ever. Derived from the log alone and never
/// believed blindly: its files are sealed (events/store), so that an edited, added or dropped row
/// is noticed by the read that meets it.
///
/// Threads: `find` from the shard's thread while one other thread calls `append`.
class ShardStore {
public:
    virtual ~ShardStore() = default;

    /// Reads every row once and shows each key. Empty for a new store.
    /// `corrupt` when the store is not what was written: as for open.
    virtual Result<std::optional<StorePosition>> load(
        const std::function<void(const FactKey&)>& show) = 0;

    /// What is known of a key. `corrupt` when the files are not what was written.
    virtual Result<std::optional<Locator>> find(const FactKey& key) = 0;

    /// Adds facts (which it sorts) and moves the position, all at once and durably. Of facts with
    /// one key the newest stays, in the store as among `facts`. `retriable` while the disk is full:
    /// nothing was done.
    virtual Status append(std::vector<FactEntry>& facts, const StorePosition& position) = 0;
};

/// Where shard stores are kept. Any thread.
class ShardStores {
public:
    virtual ~ShardStores() = default;

    /// Opens or makes the store. `corrupt` when its files are not what was written: the directory
    /// must then be moved aside. `retriable` while the disk is full. `storage` for any other
    /// failure.
    virtual Result<std::unique_ptr<ShardStore>> open(const std::filesystem::path& directory,
                                                     const EpochKeys& keys, ShardId shard) = 0;
    /// How far a store has followed the log, as it says and seals; empty when there is none or it
    /// is not what was written. Changes nothing.
    virtual std::optional<StorePosition> peek(const std::filesystem::path& directory,
                                              const EpochKeys& keys, ShardId shard) = 0;
};

/// In RocksDB, on this machine's own disk: the program's.
ShardStores& rocks_shard_stores();
/// In RocksDB, on another file system than the machine's own.
std::unique_ptr<ShardStores> rocks_shard_stores_on(std::shared_ptr<rocksdb::FileSystem> disk);

}  // namespace vouch::command_handler
