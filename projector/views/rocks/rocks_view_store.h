#pragma once

#include "events/store/merge_room.h"
#include "events/store/sealed_files.h"
#include "projector/views/newest_history.h"
#include "projector/views/rocks/damage.h"
#include "projector/views/rocks/merge_listener.h"
#include "projector/views/view_store.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

namespace vouch::projector {

/// A view in RocksDB. Threads as those of ViewStore.
class RocksViewStore final : public ViewStore {
public:
    /// Notes damage in the directory when it is to be written.
    RocksViewStore(std::filesystem::path directory, const SecretKey& key,
                   const ViewStoreOptions& settings, bool is_written,
                   std::shared_ptr<rocksdb::FileSystem> disk);
    ~RocksViewStore() override;

    // One of the two, before all else.
    Status open();
    Status open_to_read();

    const std::optional<ViewPosition>& position() const override { return position_; }
    Status has_room() override;
    std::unique_ptr<ViewWrite> start_batch() override;
    Result<std::unique_ptr<ViewWrite>> start_bulk() override;
    Result<bool> write_out() override;
    bool has_failed() const override { return has_failed_; }
    std::optional<Fault> damage() const override { return damage_.first(); }
    Result<std::unique_ptr<ViewSnapshot>> snapshot() override;

    // --- For the writes, which borrow it.
    Status write(rocksdb::WriteBatch& batch, const ViewPosition& position);
    /// The files are the database's then.
    Status ingest(const std::vector<std::string>& files, const ViewPosition& position);
    /// Keeps that the store has failed, unless it may pass.
    Fault fail(const rocksdb::Status& status, const char* doing);
    std::string load_path(const char* name) const { return (directory_ / "load" / name).string(); }
    const rocksdb::Options& load_options() const { return load_options_; }

private:
    Status read_position();
    Status resume();
    Status write_out_memtable();
    Status has_room_to_write() const;
    Status has_room_to_merge();
    int unmerged_files();

    std::filesystem::path directory_;
    const ViewStoreOptions settings_;
    Damage damage_;  // before all that finds it
    SealedFiles files_;
    rocksdb::Options options_;
    const rocksdb::Options load_options_;
    MergeRoom merge_room_;
    std::shared_ptr<MergeListener> listener_;
    std::unique_ptr<rocksdb::DB> db_;
    std::shared_mutex ingesting_;  // taken alone while files come in, shared by each new snapshot
    std::optional<ViewPosition> position_;
    NewestHistory newest_;
    bool rows_in_memtable_ = true;  // recovery may have left some
    bool has_failed_ = false;
    bool is_out_of_space_ = false;  ///< and RocksDB is not told yet that there is room
};

}  // namespace vouch::projector
