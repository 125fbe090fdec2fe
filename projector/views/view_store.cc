#include "projector/views/view_store.h"

#include "events/check.h"
#include "events/log/descriptors.h"
#include "events/store/merge_room.h"
#include "events/store/sealed_files.h"
#include "projector/views/bulk_rows.h"
#include "projector/views/newest_history.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/sst_partitioner.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <system_error>
#include <utility>

// Layout of a view's directory:
//   db/    RocksDB
//   load/  files of a bulk load before RocksDB takes them; what lies there at opening is of a crash
//   damage  what was found in db/ that is not what was written; the next opening of all views to write
//           sets this one aside (ShardViews)
//
// One column family: with several, RocksDB can tear one batch after a failed write to its log.
// No WAL: what is in memory is applied again from the log, and no WAL can be fitted to another
// manifest (events/store/README.md). No manual compaction, no DeleteRange.

namespace vouch::projector {
namespace {

/// Files taken in are read again soon, by merges and queries: they stay in the page cache.
constexpr bool kInvalidatePageCache = false;

namespace fs = std::filesystem;

constexpr const char* kDamageNote = "damage";

/// Loads that are not merged yet and that a reader has to look into, at most; then loading waits.
constexpr int kUnmergedFilesMax = 64;
/// Files above the first level from which RocksDB merges them. Merging costs about as much as
/// loading, so it happens once for many loads.
constexpr int kMergeFrom = 32;
constexpr std::size_t kMemtableBytes = 64 * 1024 * 1024;
constexpr std::size_t kBlockBytes = 16 * 1024;
constexpr std::uint64_t kFileBytes = 256 * 1024 * 1024;
constexpr std::uint64_t kFirstLevelBytes = std::uint64_t{8} * 1024 * 1024 * 1024;
constexpr double kFilterBitsPerKey = 10;
constexpr std::uint64_t kSyncBytes = 4 * 1024 * 1024;

rocksdb::Slice slice(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

ByteView view(const rocksdb::Slice& bytes) {
    return std::as_bytes(std::span(bytes.data(), bytes.size()));
}

Fault fault(const rocksdb::Status& status, const char* doing) {
    const bool is_altered = status.IsCorruption() || status.IsPathNotFound();
    const std::string what = std::string("view: ") + doing + ": " + status.ToString();
    if (is_altered) return {FaultCode::corrupt, what};
    const bool may_pass = status.IsNoSpace() || is_out_of_descriptors(what);
    return {may_pass ? FaultCode::retriable : FaultCode::storage, what};
}

/// RocksDB reports a held lock as an I/O error like any other; how its text begins tells, and not the
/// path behind that.
bool is_lock_held(const rocksdb::Status& status) {
    const std::string text = status.ToString();
    return text.starts_with("IO error: While lock file") ||
           text.starts_with("IO error: lock hold by current process");
}

/// Which rows the filters know: those that are looked up by their whole key, so that a look-up
/// skips loads without it. Histories are found by seeking, which a filter cannot answer.
class WholeKeyOfLookups final : public rocksdb::SliceTransform {
public:
    const char* Name() const override { return "vouch.lookups.1"; }
    rocksdb::Slice Transform(const rocksdb::Slice& key) const override { return key; }
    bool InDomain(const rocksdb::Slice& key) const override {
        if (key.empty()) return false;
        switch (static_cast<RowKind>(key[0])) {
            case RowKind::command:
            case RowKind::account_id:
            case RowKind::hold:
            case RowKind::entry_state:
                return true;
            case RowKind::position:
            case RowKind::history:
            case RowKind::failed_member:
            case RowKind::account_opened:
            case RowKind::account_update:
            case RowKind::context:
            case RowKind::owner:
            case RowKind::refunded:
            case RowKind::hold_expiry:
            case RowKind::event_block:
            case RowKind::record_time:
                return false;
        }
        return false;
    }
};

/// What was found in a store's files that is not what was written. Any thread.
class Damage {
public:
    /// Writes nothing when the store is only read.
    Damage(fs::path directory, bool is_noted)
        : note_(is_noted ? directory / kDamageNote : fs::path()) {}

    /// Passes the fault on; the first that is damage stays.
    Fault keep(Fault fault) {
        if (fault.code != FaultCode::corrupt) return fault;
        const std::lock_guard lock(mutex_);
        if (!first_) {
            first_ = fault;
            if (!note_.empty() && !write_note(fault.message))
                first_->message += "; the disk took no note of that";
        }
        return fault;
    }
    std::optional<Fault> first() const {
        const std::lock_guard lock(mutex_);
        return first_;
    }

private:
    bool write_note(const std::string& message) const {
        return static_cast<bool>(std::ofstream(note_) << message << std::flush);
    }

    const fs::path note_;
    mutable std::mutex mutex_;
    std::optional<Fault> first_;
};

/// Lets a load wait for a merge, and hears of failures in the background.
class MergeListener final : public rocksdb::EventListener {
public:
    explicit MergeListener(Damage& damage) : damage_(damage) {}

    void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override {
        const std::lock_guard lock(mutex_);
        ++merges_;
        changed_.notify_all();
    }
    void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
        // What may pass RocksDB tries again by itself.
        if (damage_.keep(fault(*status, "merging rows")).code == FaultCode::retriable) return;
        const std::lock_guard lock(mutex_);
        has_failed_ = true;
        changed_.notify_all();
    }

    /// Blocks until `is_enough()`, asked after each merge, and again and again meanwhile. False when
    /// the store failed instead.
    template <class Condition>
    bool wait_until(Condition is_enough) {
        std::unique_lock lock(mutex_);
        while (!has_failed_) {
            const std::uint64_t seen = merges_;
            lock.unlock();
            const bool done = is_enough();
            lock.lock();
            if (done) return true;
            changed_.wait_for(lock, MergeRoom::kLookInterval,
                              [&] { return has_failed_ || merges_ != seen; });
        }
        return false;
    }

private:
    Damage& damage_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t merges_ = 0;
    bool has_failed_ = false;
};

rocksdb::BlockBasedTableOptions table_options() {
    rocksdb::BlockBasedTableOptions table;
    table.block_size = kBlockBytes;
    table.format_version = 5;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kFilterBitsPerKey));
    table.whole_key_filtering = false;
    return table;
}

rocksdb::Options make_options(const ViewStoreOptions& settings, rocksdb::Env* env) {
    rocksdb::Options options;
    options.env = env;
    options.create_if_missing = true;
    options.paranoid_checks = true;
    options.fail_if_options_file_error = true;
    options.max_background_jobs = 2;
    options.max_open_files = -1;
    options.write_buffer_size = kMemtableBytes;
    // Loads are not compressed: it would cost a fifth of their time for a seventh of their bytes.
    options.compression_per_level = {rocksdb::kNoCompression, rocksdb::kLZ4Compression};
    options.prefix_extractor = std::make_shared<WholeKeyOfLookups>();
    // A merged file never holds two kinds: what is appended stays out of the way of what is not.
    options.sst_partitioner_factory = rocksdb::NewSstPartitionerFixedPrefixFactory(1);
    options.level0_file_num_compaction_trigger = kMergeFrom;
    options.level0_slowdown_writes_trigger = kUnmergedFilesMax * 2;
    options.level0_stop_writes_trigger = kUnmergedFilesMax * 3;
    options.max_bytes_for_level_base = kFirstLevelBytes;
    options.target_file_size_base = kFileBytes;
    options.level_compaction_dynamic_level_bytes = false;
    options.bytes_per_sync = kSyncBytes;
    options.info_log = no_talk();
    // RocksDB ends the process when it gets no thread for opening files.
    options.max_file_opening_threads = 1;
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;

    rocksdb::BlockBasedTableOptions table = table_options();
    table.block_cache = rocksdb::NewLRUCache(settings.cache_bytes);
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    return options;
}

/// The one place that opens a database: the call differs between RocksDB's versions.
rocksdb::Status open_db(const rocksdb::Options& options, const fs::path& path,
                        std::unique_ptr<rocksdb::DB>& db) {
    rocksdb::DB* raw = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(options, path.string(), &raw);
    db.reset(raw);
    return status;
}

rocksdb::ReadOptions read_options(const rocksdb::Snapshot* snapshot) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.total_order_seek = true;  // the prefix extractor is for look-ups alone
    return options;
}

class Cursor final : public RowCursor {
public:
    Cursor(std::unique_ptr<rocksdb::Iterator> iterator, Damage& damage)
        : iterator_(std::move(iterator)), damage_(damage) {}

    void seek(ByteView key) override { iterator_->Seek(slice(key)); }
    void seek_at_or_before(ByteView key) override { iterator_->SeekForPrev(slice(key)); }
    void next() override { iterator_->Next(); }
    bool is_valid() const override { return iterator_->Valid(); }
    ByteView key() const override { return view(iterator_->key()); }
    ByteView value() const override { return view(iterator_->value()); }
    Status status() const override {
        if (iterator_->status().ok()) return {};
        return damage_.keep(fault(iterator_->status(), "reading rows"));
    }

private:
    std::unique_ptr<rocksdb::Iterator> iterator_;
    Damage& damage_;
};

class Snapshot final : public ViewSnapshot {
public:
    Snapshot(rocksdb::DB& db, NewestHistory& newest, Damage& damage)
        : db_(db), newest_(newest), damage_(damage), snapshot_(db.GetSnapshot()) {}
    ~Snapshot() override { db_.ReleaseSnapshot(snapshot_); }
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

    Status read_position() {
        Bytes value;
        const Result<bool> found = get(position_key().view(), value);
        if (!found) return found.error();
        if (!*found) return {};
        position_ = decode_position(value);
        if (position_) return {};
        return Fault{FaultCode::configuration,
                     "view: its rows are of another format; move it aside to have it rebuilt"};
    }

    const std::optional<ViewPosition>& position() const override { return position_; }

    Result<bool> get(ByteView key, Bytes& value) override {
        rocksdb::PinnableSlice found;
        const rocksdb::Status status =
            db_.Get(read_options(snapshot_), db_.DefaultColumnFamily(), slice(key), &found);
        if (status.IsNotFound()) return false;
        if (!status.ok()) return damage_.keep(fault(status, "reading a row"));
        const ByteView bytes = view(found);
        value.assign(bytes.begin(), bytes.end());
        return true;
    }

    std::unique_ptr<RowCursor> cursor() override {
        return std::make_unique<Cursor>(
            std::unique_ptr<rocksdb::Iterator>(db_.NewIterator(read_options(snapshot_))), damage_);
    }

    bool newest_history(AccountNumber account, EventNumber end, Bytes& value) override {
        return newest_.get(account, end, value);
    }

private:
    rocksdb::DB& db_;
    NewestHistory& newest_;
    Damage& damage_;
    const rocksdb::Snapshot* snapshot_;
    std::optional<ViewPosition> position_;
};

class RocksStore;

class BatchWrite final : public ViewWrite {
public:
    explicit BatchWrite(RocksStore& store) : store_(store) {}

    void put_history(AccountNumber account, EventNumber event, std::uint16_t change,
                     ByteView value) override;
    void put_command(LedgerId ledger, CommandId id, EventNumber event) override {
        encode_number(event.value(), number_);
        put(command_key(ledger, id), number_);
    }
    void put_at_end(const RowKey& key, ByteView value) override { put(key, value); }
    void put(const RowKey& key, ByteView value) override {
        const rocksdb::Status status = batch_.Put(slice(key.view()), slice(value));
        if (!status.ok()) first_error_ = status;
    }
    std::size_t bytes() const override { return batch_.GetDataSize(); }
    Status commit(const ViewPosition& position) override;

private:
    RocksStore& store_;
    rocksdb::WriteBatch batch_;
    rocksdb::Status first_error_;
    Bytes number_;
};

/// A bulk load: rows of kinds that are only appended go straight into files of their own, the
/// others are gathered, sorted, and written into one more at the end, the position among them.
class BulkWrite final : public ViewWrite {
public:
    explicit BulkWrite(RocksStore& store) : store_(store) {}
    ~BulkWrite() override;

    void put_history(AccountNumber account, EventNumber event, std::uint16_t change,
                     ByteView value) override;
    void put_command(LedgerId ledger, CommandId id, EventNumber event) override;
    void put_at_end(const RowKey& key, ByteView value) override;
    void put(const RowKey& key, ByteView value) override;
    std::size_t bytes() const override;
    Status commit(const ViewPosition& position) override;

private:
    struct File {
        std::string path;
        std::unique_ptr<rocksdb::SstFileWriter> writer;
    };
    File& open_file(std::optional<File>& file, const char* name);
    void keep(const rocksdb::Status& status) {
        if (!status.ok() && first_error_.ok()) first_error_ = status;
    }

    RocksStore& store_;
    std::optional<File> event_blocks_;
    std::optional<File> record_times_;
    std::optional<File> others_;
    rocksdb::Status first_error_;
};

class RocksStore final : public ViewStore {
public:
    RocksStore(fs::path directory, const SecretKey& key, const ViewStoreOptions& settings,
               bool is_written)
        : directory_(std::move(directory)),
          settings_(settings),
          damage_(directory_, is_written),
          files_(key),
          options_(make_options(settings, files_.env())),
          file_options_(options_),
          merge_room_([this](std::uint64_t bytes) {
              return check_room(system_files(), directory_.string(),
                                settings_.reserve_bytes + bytes);
          }),
          listener_(std::make_shared<MergeListener>(damage_)) {
        options_.listeners.push_back(merge_room_.listener());
        options_.listeners.push_back(listener_);
        file_options_.compression_per_level = {rocksdb::kNoCompression};
        file_options_.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options()));
    }

    ~RocksStore() override { merge_room_.stop_waiting(); }

    Status open() {
        if (Status room = has_room_to_write(); !room) return room;
        std::error_code failed;
        fs::create_directories(directory_ / "db", failed);
        // Left by a crash before RocksDB took them: the position says that they never happened.
        if (!failed) fs::remove_all(directory_ / "load", failed);
        if (!failed) fs::create_directories(directory_ / "load", failed);
        if (failed) return Fault{FaultCode::storage, "view: directory: " + failed.message()};
        if (Status tables = check_tables(); !tables) return tables;
        const rocksdb::Status status = open_db(options_, directory_ / "db", db_);
        if (!status.ok()) {
            const bool is_locked = is_lock_held(status);
            const Fault found = with_way_on(fault(status, "opening"));
            return Fault{is_locked ? FaultCode::configuration : found.code, found.message};
        }
        Snapshot now(*db_, newest_, damage_);
        const Status read = now.read_position();
        if (read) position_ = now.position();
        return read;
    }

    Status open_to_read() {
        if (Status tables = check_tables(); !tables) return tables;
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
        if (!status.ok()) return with_way_on(fault(status, "opening to read"));
        Snapshot now(*db_, newest_, damage_);
        const Status read = now.read_position();
        if (read) position_ = now.position();
        return read;
    }

    Status check_tables() const {
        const fs::path rows = directory_ / "db";
        if (!has_lost_tables(rows)) return {};
        return with_way_on({FaultCode::corrupt, "view: opening: Corruption: the file CURRENT of " +
                                                    rows.string() + " is missing"});
    }

    /// A view holds nothing that the log does not.
    Fault with_way_on(Fault fault) const {
        if (fault.code == FaultCode::corrupt)
            fault.message += "; move " + directory_.string() +
                             " aside, and it is made again from the log";
        return fault;
    }

    const std::optional<ViewPosition>& position() const override { return position_; }

    Status has_room() override {
        if (Status room = has_room_to_write(); !room) return room;
        return has_room_to_merge();
    }

    std::unique_ptr<ViewWrite> start_batch() override {
        return std::make_unique<BatchWrite>(*this);
    }

    Result<std::unique_ptr<ViewWrite>> start_bulk() override {
        if (Status room =
                check_room(system_files(), directory_.string(), settings_.bulk_reserve_bytes);
            !room) {
            return room.error();
        }
        if (Status resumed = resume(); !resumed) return resumed.error();
        const bool is_merged = listener_->wait_until(
            [this] { return unmerged_files() < kUnmergedFilesMax || MergeRoom::waits(); });
        if (!is_merged || has_failed_) return failed_before();
        if (Status room = has_room_to_merge(); !room) return room.error();
        if (rows_in_memtable_) {
            rocksdb::FlushOptions flush;
            flush.wait = true;
            flush.allow_write_stall = true;
            const rocksdb::Status status = db_->Flush(flush);
            if (!status.ok()) return fail(status, "writing rows out of memory");
            rows_in_memtable_ = false;
        }
        rows_.clear();
        return std::unique_ptr<ViewWrite>(std::make_unique<BulkWrite>(*this));
    }

    std::optional<Fault> damage() const override { return damage_.first(); }

    Result<std::unique_ptr<ViewSnapshot>> snapshot() override {
        const std::shared_lock lock(ingesting_);
        auto taken = std::make_unique<Snapshot>(*db_, newest_, damage_);
        const Status read = taken->read_position();
        if (!read) return read.error();
        return std::unique_ptr<ViewSnapshot>(std::move(taken));
    }

    // --- For the writes ---------------------------------------------------------------------

    Status write(rocksdb::WriteBatch& batch, const ViewPosition& position) {
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

    Status ingest(const std::vector<std::string>& files, const ViewPosition& position) {
        if (has_failed_) return failed_before();
        VOUCH_ASSERT(!rows_in_memtable_);
        rocksdb::IngestExternalFileOptions ingest;
        ingest.move_files = true;
        ingest.write_global_seqno = false;  // a sealed file is not written over
        // A snapshot taken while RocksDB writes its manifest would see some of the files, or see
        // them later: before, it is kept apart by a higher sequence number; after, it sees all.
        const std::unique_lock lock(ingesting_);
        const rocksdb::Status status = db_->IngestExternalFile(files, ingest);
        if (!status.ok()) return fail(status, "taking in files");
        position_ = position;
        return {};
    }

    BulkRows& rows() { return rows_; }
    NewestHistory& newest() { return newest_; }
    std::string load_path(const char* name) const { return (directory_ / "load" / name).string(); }
    const rocksdb::Options& file_options() const { return file_options_; }
    Fault fail(const rocksdb::Status& status, const char* doing) {
        Fault found = damage_.keep(fault(status, doing));
        has_failed_ = found.code != FaultCode::retriable;
        is_out_of_space_ = is_out_of_space_ || status.IsNoSpace();
        return found;
    }

private:
    /// RocksDB writes no more after a disk was full, until it is told that there is room; what could
    /// not be written out is still in its memory.
    Status resume() {
        if (!is_out_of_space_) return {};
        const rocksdb::Status resumed = db_->Resume();
        if (resumed.IsBusy())
            return Fault{FaultCode::retriable, "view: the disk was full, and going on takes a moment"};
        if (!resumed.ok()) return fail(resumed, "going on after the disk was full");
        is_out_of_space_ = false;
        return {};
    }

    Status has_room_to_write() const {
        return check_room(system_files(), directory_.string(), settings_.reserve_bytes);
    }

    /// `retriable` while files wait for a merge that has no room: RocksDB would make who writes wait.
    Status has_room_to_merge() {
        const std::optional<Fault> waits = MergeRoom::waits();
        if (!waits || unmerged_files() < kUnmergedFilesMax) return {};
        return *waits;
    }

    int unmerged_files() {
        std::string count;
        db_->GetProperty(rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0", &count);
        return std::atoi(count.c_str());
    }

    static Fault failed_before() {
        return {FaultCode::storage, "view: its store failed before; it must be opened again"};
    }

    fs::path directory_;
    const ViewStoreOptions settings_;
    Damage damage_;  // before all that finds it
    SealedFiles files_;
    rocksdb::Options options_;
    rocksdb::Options file_options_;
    MergeRoom merge_room_;
    std::shared_ptr<MergeListener> listener_;
    std::unique_ptr<rocksdb::DB> db_;
    std::shared_mutex ingesting_;  // taken alone while files come in, shared by each new snapshot
    std::optional<ViewPosition> position_;
    NewestHistory newest_;
    BulkRows rows_;                 // of the bulk load in progress; kept for its memory
    bool rows_in_memtable_ = true;  // recovery may have left some
    bool has_failed_ = false;
    bool is_out_of_space_ = false;  ///< and RocksDB is not told yet that there is room
};

void BatchWrite::put_history(AccountNumber account, EventNumber event, std::uint16_t change,
                             ByteView value) {
    store_.newest().put(account, event, change, value);
    put(history_key(account, event, change), value);
}

Status BatchWrite::commit(const ViewPosition& position) {
    encode_position(position, number_);
    put(position_key(), number_);
    if (!first_error_.ok()) return store_.fail(first_error_, "gathering rows");
    return store_.write(batch_, position);
}

BulkWrite::~BulkWrite() {
    // Files that RocksDB took are gone already; the writers of the others are closed before.
    std::error_code ignored;
    for (std::optional<File>* file : {&event_blocks_, &record_times_, &others_}) {
        if (!*file) continue;
        (*file)->writer.reset();
        fs::remove((*file)->path, ignored);
    }
}

BulkWrite::File& BulkWrite::open_file(std::optional<File>& file, const char* name) {
    if (!file) {
        file.emplace();
        file->path = store_.load_path(name);
        file->writer = std::make_unique<rocksdb::SstFileWriter>(
            rocksdb::EnvOptions(), store_.file_options(), nullptr, kInvalidatePageCache);
        keep(file->writer->Open(file->path));
    }
    return *file;
}

void BulkWrite::put_history(AccountNumber account, EventNumber event, std::uint16_t change,
                            ByteView value) {
    store_.rows().add_history(account, event, change, value);
}

void BulkWrite::put_command(LedgerId ledger, CommandId id, EventNumber event) {
    store_.rows().add_command(ledger, id, event);
}

void BulkWrite::put_at_end(const RowKey& key, ByteView value) {
    const auto kind = static_cast<RowKind>(key.view()[0]);
    VOUCH_ASSERT(kind == RowKind::event_block || kind == RowKind::record_time);
    File& file = kind == RowKind::event_block ? open_file(event_blocks_, "event_blocks.sst")
                                              : open_file(record_times_, "record_times.sst");
    keep(file.writer->Put(slice(key.view()), slice(value)));
}

void BulkWrite::put(const RowKey& key, ByteView value) { store_.rows().add(key, value); }

std::size_t BulkWrite::bytes() const { return store_.rows().bytes(); }

Status BulkWrite::commit(const ViewPosition& position) {
    Bytes value;
    encode_position(position, value);
    store_.rows().add(position_key(), value);
    File& others = open_file(others_, "others.sst");
    store_.rows().visit_sorted([&](ByteView key, ByteView row) {
        // Here in the order of accounts, which the memory of their newest rows follows.
        if (const std::optional<HistoryKey> history = decode_history_key(key))
            store_.newest().put(history->account, history->event, history->change, row);
        keep(others.writer->Put(slice(key), slice(row)));
    });
    std::vector<std::string> files;
    for (std::optional<File>* file : {&others_, &event_blocks_, &record_times_}) {
        if (!*file) continue;
        keep((*file)->writer->Finish());
        files.push_back((*file)->path);
    }
    if (!first_error_.ok()) return store_.fail(first_error_, "writing a load's files");
    return store_.ingest(files, position);
}

class RocksStores final : public ViewStores {
public:
    Result<std::unique_ptr<ViewStore>> open(const fs::path& directory, const SecretKey& key,
                                            const ViewStoreOptions& options) override {
        auto store = std::make_unique<RocksStore>(directory, key, options, true);
        if (Status opened = store->open(); !opened) return opened.error();
        return std::unique_ptr<ViewStore>(std::move(store));
    }
    Result<std::unique_ptr<ViewStore>> open_to_read(const fs::path& directory,
                                                    const SecretKey& key,
                                                    const ViewStoreOptions& options) override {
        auto store = std::make_unique<RocksStore>(directory, key, options, false);
        if (Status opened = store->open_to_read(); !opened) return opened.error();
        return std::unique_ptr<ViewStore>(std::move(store));
    }
};

}  // namespace

ViewStores& rocks_view_stores() {
    static RocksStores stores;
    return stores;
}

std::optional<std::string> noted_damage(const fs::path& directory) {
    std::ifstream note(directory / kDamageNote);
    if (!note) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(note), {});
}

}  // namespace vouch::projector
