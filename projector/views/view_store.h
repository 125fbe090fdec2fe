#pragma once

#include "events/log/disk_room.h"
#include "events/log/set_aside.h"
#include "events/result.h"
#include "events/seal/mac.h"
#include "projector/views/row_sink.h"
#include "projector/views/view_rows.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace rocksdb {
class FileSystem;
}

namespace vouch::projector {

/// All views of a deployment together keep in memory as many bytes of blocks that were read, and
/// as many of rows that are not in files yet, twice while those are written out. Each has its own
/// part. RocksDB could share both; but a shared buffer that one view has filled makes all others
/// write out whatever they get, and from a shared cache a file that is opened again is not
/// verified.
inline constexpr std::size_t kViewsMemoryBytes = std::size_t{1} << 30;
inline constexpr std::size_t kViewMemoryBytesMax = std::size_t{64} << 20;

/// Settings of a view's store. The defaults are measured (tests/bench/projector_bench.cc).
struct ViewStoreOptions {
    /// Blocks of rows kept in memory for readers.
    std::size_t cache_bytes = kViewMemoryBytesMax;
    /// Rows that are kept in memory until they are written out.
    std::size_t memtable_bytes = kViewMemoryBytesMax;
    /// Bytes free on the disk below which nothing is written, and for a bulk load.
    std::uint64_t reserve_bytes = kDiskReserveBytes;
    std::uint64_t bulk_reserve_bytes = kLogReserveBytes;

    /// Of each of a deployment's views.
    static ViewStoreOptions of_one_of(std::size_t views) {
        ViewStoreOptions options;
        options.cache_bytes = std::min(kViewMemoryBytesMax, kViewsMemoryBytes / views);
        options.memtable_bytes = options.cache_bytes;
        return options;
    }
};

/// A write to a view: rows, and with them the position that they lead to. Dropped without `commit`,
/// nothing of it is ever seen. One thread; one at a time in a store.
class ViewWrite : public RowSink {
public:
    /// Bytes of memory that the rows take so far.
    virtual std::size_t bytes() const = 0;
    /// Makes rows and position visible together; after a crash both are there or neither is.
    /// `storage` when the store fails: the view is then as before, and this store takes no more.
    virtual Status commit(const ViewPosition& position) = 0;
};

/// Walks rows in the order of their keys, as of a snapshot, which outlives it.
class RowCursor {
public:
    virtual ~RowCursor() = default;
    /// To the first row at or after `key`.
    virtual void seek(ByteView key) = 0;
    /// To the last row at or before `key`.
    virtual void seek_at_or_before(ByteView key) = 0;
    virtual void next() = 0;
    /// False past the end, and after a failure (`status`).
    virtual bool is_valid() const = 0;
    virtual ByteView key() const = 0;    ///< until the cursor moves
    virtual ByteView value() const = 0;  ///< until the cursor moves
    /// `storage` or `corrupt` when reading failed.
    virtual Status status() const = 0;
};

/// A view as it was at one position, while its projector goes on. One thread; the store outlives
/// it.
class ViewSnapshot {
public:
    virtual ~ViewSnapshot() = default;
    /// Empty for a view without any record.
    virtual const std::optional<ViewPosition>& position() const = 0;
    /// False when there is no such row; else its value is in `value` (replaced).
    virtual Result<bool> get(ByteView key, Bytes& value) = 0;
    virtual std::unique_ptr<RowCursor> cursor() = 0;
    /// Sets `value` to the account's newest history row before event `end`, which is the snapshot's
    /// own or earlier; false when only a cursor can tell.
    virtual bool newest_history(AccountNumber account, EventNumber end, Bytes& value) = 0;
};

/// The rows of one shard, in a store of their own. Writing: one thread, and not at all when it was
/// opened to read (`storage`). Snapshots: any thread.
///
/// Rows are written in one of two ways, which give the same rows. A batch goes through the memtable
/// and is seen in milliseconds; without a write-ahead log, for a view that loses what was in memory
/// only falls back to an earlier position (memtable_bytes at most). A bulk load sorts its rows and
/// has RocksDB take in whole files, at several times the rate.
///
/// Its files are sealed (events/store): a read gives what was written, or fails as `corrupt`, which
/// is kept as `damage`.
class ViewStore {
public:
    virtual ~ViewStore() = default;

    /// The newest committed position; empty for a new view. The writer's thread.
    virtual const std::optional<ViewPosition>& position() const = 0;

    /// `retriable` while the disk is too full to begin a batch: the view waits and stays readable.
    virtual Status has_room() = 0;
    virtual std::unique_ptr<ViewWrite> start_batch() = 0;
    /// Blocks while earlier loads still wait to be merged (kUnmergedFilesMax). When a batch came
    /// before, its rows are first written out of the memtable: files taken in beside rows in memory
    /// are what RocksDB before 7.10 may put in the wrong order. `retriable` while the disk is too
    /// full.
    virtual Result<std::unique_ptr<ViewWrite>> start_bulk() = 0;

    /// Rows that are only in memory go into files, where others can read them beside this store
    /// (open_to_read). False, and nothing done, while the disk is too full. The writer's thread.
    virtual Result<bool> write_out() { return true; }

    /// Whether it takes no more writes until it is opened again. The writer's thread.
    virtual bool has_failed() const { return false; }

    /// The first thing found in its files that is not what was written, by a read or a merge; empty
    /// while there is none. Noted in the directory, too. Any thread.
    virtual std::optional<Fault> damage() const = 0;

    /// As of the newest commit. Waits while RocksDB takes in a load's files (milliseconds).
    virtual Result<std::unique_ptr<ViewSnapshot>> snapshot() = 0;
};

/// Where views are kept. Any thread.
class ViewStores {
public:
    virtual ~ViewStores() = default;

    /// Opens or creates, under a key of this view's own (projector.h, view_key). `retriable` while
    /// the disk is full (open_to_read goes then, too); `configuration` for rows of another format
    /// or a directory in use; `corrupt` or `storage` when the store cannot be read. All are cured
    /// by moving the directory aside (ShardViews does that with `corrupt` ones): the view is
    /// rebuilt from the log.
    virtual Result<std::unique_ptr<ViewStore>> open(const std::filesystem::path& directory,
                                                    const SecretKey& key,
                                                    const ViewStoreOptions& options = {}) = 0;
    /// Opens what is there for reading alone, beside whoever writes it, as of now: needs no room on
    /// the disk and changes nothing. `configuration` when there is no view.
    virtual Result<std::unique_ptr<ViewStore>> open_to_read(
        const std::filesystem::path& directory, const SecretKey& key,
        const ViewStoreOptions& options = {}) = 0;

    /// What was noted of damage in a view's directory, when it was last open to write; empty:
    /// nothing.
    virtual std::optional<std::string> noted_damage(const std::filesystem::path& directory) = 0;
    /// Moves a damaged view, which nobody has open, out of the way.
    virtual Result<SetAside> set_aside(const std::filesystem::path& directory) = 0;
};

/// In RocksDB, on this machine's own disk: the program's.
ViewStores& rocks_view_stores();
/// In RocksDB, on another file system than the machine's own.
std::unique_ptr<ViewStores> rocks_view_stores_on(std::shared_ptr<rocksdb::FileSystem> disk);

}  // namespace vouch::projector
