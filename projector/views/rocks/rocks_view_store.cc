#include "projector/views/rocks/rocks_view_store.h"

#include "events/check.h"
#include "projector/views/rocks/options.h"
#include "projector/views/rocks/rocks_snapshot.h"
#include "projector/views/rocks/translation.h"
#include "projector/views/rocks/view_writes.h"

#include <rocksdb/file_system.h>

#include <cstdlib>
#include <mutex>
#include <system_error>
#include <utility>

// Layout of a view's directory:
//   db/    RocksDB
//   load/  files of a bulk load before RocksDB takes them; what lies there at opening is of a crash
//   damage  what was found in db/ that is not what was written; the next opening of all views that
//           writes sets this one aside (ShardViews)
//
// One column family: with several, RocksDB can tear one batch after a failed write to its log.
// No WAL: what is in memory is applied again from the log, and no WAL can be fitted to another
// manifest (events/store/README.md). No manual compaction, no DeleteRange.

namespace vouch::projector {
namespace {

namespace fs = std::filesystem;

/// The one place that opens a database: the call differs between RocksDB's versions.
rocksdb::Status open_db(const rocksdb::Options& options, const fs::path& path,
                        std::unique_ptr<rocksdb::DB>& db) {
    rocksdb::DB* raw = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(options, path.string(), &raw);
    db.reset(raw);
    return status;
}

/// A view holds nothing that the log does not.
Fault with_way_on(Fault fault, const fs::path& directory) {
    if (fault.code == FaultCode::corrupt)
        fault.message +=
            "; move " + directory.string() + " aside, and it is made again from the log";
    return fault;
}

Status check_tables(const fs::path& directory) {
    const fs::path rows = directory / "db";
    if (!has_lost_tables(rows)) return {};
    return with_way_on({FaultCode::corrupt, "view: opening: Corruption: the file CURRENT of " +
                                                rows.string() + " is missing"},
                       directory);
}

Fault failed_before() {
    return {FaultCode::storage, "view: its store failed before; it must be opened again"};
}

}  // namespace

RocksViewStore::RocksViewStore(fs::path directory, const SecretKey& key,
                               const ViewStoreOptions& settings, bool is_written,
                               std::shared_ptr<rocksdb::FileSystem> disk)
    : directory_(std::move(directory)),
      settings_(settings),
      damage_(directory_, is_written),
      files_(key, std::move(disk)),
      options_(database_options(settings, files_.env())),
      load_options_(projector::load_options(options_)),
      merge_room_([this](std::uint64_t bytes) {
          return check_room(system_files(), directory_.string(), settings_.reserve_bytes + bytes);
      }),
      listener_(std::make_shared<MergeListener>(damage_)) {
    options_.listeners.push_back(merge_room_.listener());
    // After it: a merge that waits for room has read nothing yet.
    options_.listeners.push_back(files_.listener());
    options_.listeners.push_back(listener_);
}

RocksViewStore::~RocksViewStore() { merge_room_.stop_waiting(); }

Status RocksViewStore::open() {
    if (Status room = has_room_to_write(); !room) return room;
    std::error_code failed;
    fs::create_directories(directory_ / "db", failed);
    // Left by a crash before RocksDB took them: the position says that they never happened.
    if (!failed) fs::remove_all(directory_ / "load", failed);
    if (!failed) fs::create_directories(directory_ / "load", failed);
    if (failed) return Fault{FaultCode::storage, "view: directory: " + failed.message()};
    if (Status tables = check_tables(directory_); !tables) return tables;
    const rocksdb::Status status = open_db(options_, directory_ / "db", db_);
    if (!status.ok()) {
        const bool is_locked = is_lock_held(status);
        const Fault found = with_way_on(fault(status, "opening"), directory_);
        return Fault{is_locked ? FaultCode::configuration : found.code, found.message};
    }
    return read_position();
}

Status RocksViewStore::open_to_read() {
    if (Status tables = check_tables(directory_); !tables) return tables;
    std::error_code error;
    if (!fs::exists(directory_ / "db" / "CURRENT", error)) {
        return Fault{FaultCode::configuration, "view: there is none in " + directory_.string()};
    }
    has_failed_ = true;  // takes no writes
    options_.create_if_missing = false;
    rocksdb::DB* raw = nullptr;
    const rocksdb::Status status =
        rocksdb::DB::OpenForReadOnly(options_, (directory_ / "db").string(), &raw);
    db_.reset(raw);
    if (!status.ok()) return with_way_on(fault(status, "opening to read"), directory_);
    return read_position();
}

Status RocksViewStore::read_position() {
    RocksSnapshot now(*db_, newest_, damage_);
    const Status read = now.read_position();
    if (read) position_ = now.position();
    return read;
}

Result<std::unique_ptr<ViewSnapshot>> RocksViewStore::snapshot() {
    const std::shared_lock lock(ingesting_);
    auto taken = std::make_unique<RocksSnapshot>(*db_, newest_, damage_);
    const Status read = taken->read_position();
    if (!read) return read.error();
    return std::unique_ptr<ViewSnapshot>(std::move(taken));
}

// --- Writing ------------------------------------------------------------------------------------

std::unique_ptr<ViewWrite> RocksViewStore::start_batch() {
    return begin_batch(*this, newest_);
}

Result<std::unique_ptr<ViewWrite>> RocksViewStore::start_bulk() {
    if (Status room = check_room(system_files(), directory_.string(), settings_.bulk_reserve_bytes);
        !room) {
        return room.error();
    }
    if (Status resumed = resume(); !resumed) return resumed.error();
    const bool is_merged = listener_->wait_until(
        [this] { return unmerged_files() < kUnmergedFilesMax || MergeRoom::waits(); });
    if (!is_merged || has_failed_) return failed_before();
    if (Status room = has_room_to_merge(); !room) return room.error();
    if (Status written = write_out_memtable(); !written) return written.error();
    return begin_bulk(*this, newest_);
}

Result<bool> RocksViewStore::write_out() {
    if (has_failed_) return failed_before();
    if (!has_room()) return false;
    if (Status resumed = resume(); !resumed) return resumed.error();
    if (Status written = write_out_memtable(); !written) return written.error();
    return true;
}

Status RocksViewStore::write_out_memtable() {
    if (!rows_in_memtable_) return {};
    rocksdb::FlushOptions flush;
    flush.wait = true;
    flush.allow_write_stall = true;
    const rocksdb::Status status = db_->Flush(flush);
    if (!status.ok()) return fail(status, "writing rows out of memory");
    rows_in_memtable_ = false;
    return {};
}

Status RocksViewStore::write(rocksdb::WriteBatch& batch, const ViewPosition& position) {
    if (has_failed_) return failed_before();
    if (Status resumed = resume(); !resumed) return resumed;
    rows_in_memtable_ = true;
    rocksdb::WriteOptions writing;
    writing.disableWAL = true;
    const rocksdb::Status status = db_->Write(writing, &batch);
    if (!status.ok()) return fail(status, "writing rows");
    position_ = position;
    return {};
}

Status RocksViewStore::ingest(const std::vector<std::string>& files, const ViewPosition& position) {
    if (has_failed_) return failed_before();
    VOUCH_ASSERT(!rows_in_memtable_);
    rocksdb::IngestExternalFileOptions ingest;
    ingest.move_files = true;
    ingest.write_global_seqno = false;  // a sealed file is not written over
    // A snapshot taken while RocksDB writes its manifest would see some of the files, or see
    // them later: before, it is kept apart by a higher sequence number; after, it sees all.
    const std::unique_lock lock(ingesting_);
    const SealedFiles::TakingIn taking_in(files_);
    const rocksdb::Status status = db_->IngestExternalFile(files, ingest);
    if (!status.ok()) return fail(status, "taking in files");
    position_ = position;
    return {};
}

Fault RocksViewStore::fail(const rocksdb::Status& status, const char* doing) {
    Fault found = damage_.keep(fault(status, doing));
    has_failed_ = found.code != FaultCode::retriable;
    is_out_of_space_ = is_out_of_space_ || status.IsNoSpace();
    return found;
}

/// RocksDB writes no more after a disk was full, until it is told that there is room; what could
/// not be written out is still in its memory.
Status RocksViewStore::resume() {
    if (!is_out_of_space_) return {};
    const rocksdb::Status resumed = db_->Resume();
    if (resumed.IsBusy())
        return Fault{FaultCode::retriable, "view: the disk was full, and going on takes a moment"};
    if (!resumed.ok()) return fail(resumed, "going on after the disk was full");
    is_out_of_space_ = false;
    return {};
}

// --- Room ---------------------------------------------------------------------------------------

Status RocksViewStore::has_room() {
    if (Status room = has_room_to_write(); !room) return room;
    return has_room_to_merge();
}

Status RocksViewStore::has_room_to_write() const {
    return check_room(system_files(), directory_.string(), settings_.reserve_bytes);
}

/// `retriable` while files wait for a merge that has no room: RocksDB would make who writes wait.
Status RocksViewStore::has_room_to_merge() {
    const std::optional<Fault> waits = MergeRoom::waits();
    if (!waits || unmerged_files() < kUnmergedFilesMax) return {};
    return *waits;
}

int RocksViewStore::unmerged_files() {
    std::string count;
    db_->GetProperty(rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0", &count);
    return std::atoi(count.c_str());
}

// --- All of them --------------------------------------------------------------------------------

namespace {

class RocksViewStores final : public ViewStores {
public:
    explicit RocksViewStores(std::shared_ptr<rocksdb::FileSystem> disk) : disk_(std::move(disk)) {}

    Result<std::unique_ptr<ViewStore>> open(const fs::path& directory, const SecretKey& key,
                                            const ViewStoreOptions& options) override {
        auto store = std::make_unique<RocksViewStore>(directory, key, options, true, disk_);
        if (Status opened = store->open(); !opened) return opened.error();
        return std::unique_ptr<ViewStore>(std::move(store));
    }
    Result<std::unique_ptr<ViewStore>> open_to_read(const fs::path& directory,
                                                    const SecretKey& key,
                                                    const ViewStoreOptions& options) override {
        auto store = std::make_unique<RocksViewStore>(directory, key, options, false, disk_);
        if (Status opened = store->open_to_read(); !opened) return opened.error();
        return std::unique_ptr<ViewStore>(std::move(store));
    }
    std::optional<std::string> noted_damage(const fs::path& directory) override {
        return Damage::noted_in(directory);
    }
    Result<SetAside> set_aside(const fs::path& directory) override {
        return vouch::set_aside(directory, "damaged");
    }

private:
    const std::shared_ptr<rocksdb::FileSystem> disk_;
};

}  // namespace

ViewStores& rocks_view_stores() {
    static RocksViewStores stores(rocksdb::FileSystem::Default());
    return stores;
}

std::unique_ptr<ViewStores> rocks_view_stores_on(std::shared_ptr<rocksdb::FileSystem> disk) {
    return std::make_unique<RocksViewStores>(std::move(disk));
}

}  // namespace vouch::projector
