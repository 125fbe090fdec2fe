#include "command-handler/shard/shard_store.h"

#include "events/bytes/big_endian.h"
#include "events/log/disk_room.h"
#include "events/store/merge_room.h"
#include "events/store/sealed_files.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <array>
#include <cstring>

// Rows (all numbers big-endian):
//   fact      = kind:1 (FactKind) ledger:4 id:16 [posting:3, of `refunded`]
//               [leader:2, of `entry_state` and `refunded`] -> record:8 event:8 offset:4 size:4
//   position  = 0x00                                        -> format:1 next_record:8 digest:32
//
// A store of another format is as good as none: it is made again from the log.
//
// Rows come by ingesting sorted files, one file an append with the position inside it, so that
// RocksDB takes over all or nothing. All files are sealed (events/store): what is read is what was
// written, here and for this shard, and rows and position are of one moment.

namespace vouch::command_handler {
namespace {

constexpr std::size_t kKeyBytes = 21;
constexpr std::size_t kLeaderBytes = 2;
constexpr std::size_t kPostingBytes = 3;
constexpr std::size_t kValueBytes = 24;
constexpr std::size_t kPositionBytes = 41;
/// 2: marks and sums of an entry name its leading shard.
constexpr std::uint64_t kStoreFormat = 2;
const std::string kPositionKey(1, '\0');
/// Files that a look at the position has open at a time.
constexpr int kPeekFilesMax = 16;

void put_number(std::byte*& out, std::uint64_t value, std::size_t bytes) {
    out = put_big_endian(value, out, bytes);
}

std::uint64_t take_number(const std::byte*& in, std::size_t bytes) {
    const std::span<const std::byte> number(in, bytes);
    in += bytes;
    return from_big_endian(number);
}

bool has_leader(FactKind kind) {
    return kind == FactKind::entry_state || kind == FactKind::refunded;
}
bool has_posting(FactKind kind) { return kind == FactKind::refunded; }

std::size_t key_size(FactKind kind) {
    return kKeyBytes + (has_leader(kind) ? kLeaderBytes : 0) +
           (has_posting(kind) ? kPostingBytes : 0);
}

/// As many bytes as the kind of fact has, in the order that FactKey has.
struct KeyBytes {
    std::array<std::byte, kKeyBytes + kLeaderBytes + kPostingBytes> bytes;
    std::size_t size = kKeyBytes;
};
using ValueBytes = std::array<std::byte, kValueBytes>;

KeyBytes key_bytes(const FactKey& key) {
    KeyBytes made;
    std::byte* out = made.bytes.data();
    put_number(out, static_cast<std::uint64_t>(key.kind), 1);
    put_number(out, key.ledger.value(), 4);
    put_number(out, key.id.high(), 8);
    put_number(out, key.id.low(), 8);
    if (has_posting(key.kind)) put_number(out, key.posting, kPostingBytes);
    if (has_leader(key.kind)) put_number(out, key.leader, kLeaderBytes);
    made.size = key_size(key.kind);
    return made;
}

ValueBytes value_bytes(const Locator& locator) {
    ValueBytes bytes;
    std::byte* out = bytes.data();
    put_number(out, locator.record.value(), 8);
    put_number(out, locator.event.value(), 8);
    put_number(out, locator.offset, 4);
    put_number(out, locator.size, 4);
    return bytes;
}

rocksdb::Slice slice(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

rocksdb::Slice slice(const KeyBytes& key) {
    return slice(std::span<const std::byte>(key.bytes).first(key.size));
}

const std::byte* bytes_of(const rocksdb::Slice& slice) {
    return reinterpret_cast<const std::byte*>(slice.data());
}

std::array<std::byte, kPositionBytes> position_bytes(const StorePosition& position) {
    std::array<std::byte, kPositionBytes> bytes;
    std::byte* out = bytes.data();
    put_number(out, kStoreFormat, 1);
    put_number(out, position.next_record.value(), 8);
    std::copy(position.digest.begin(), position.digest.end(), out);
    return bytes;
}

std::optional<StorePosition> parse_position(const rocksdb::Slice& value) {
    if (value.size() != kPositionBytes) return std::nullopt;
    const std::byte* in = bytes_of(value);
    if (take_number(in, 1) != kStoreFormat) return std::nullopt;
    StorePosition position;
    position.next_record = RecordNumber(take_number(in, 8));
    std::copy_n(in, position.digest.size(), position.digest.begin());
    return position;
}

std::optional<FactEntry> parse_row(const rocksdb::Slice& key, const rocksdb::Slice& value) {
    if (key.size() < kKeyBytes || value.size() != kValueBytes) return std::nullopt;
    const std::byte* in = bytes_of(key);
    FactEntry entry;
    const std::uint64_t kind = take_number(in, 1);
    if (kind < 1 || kind > static_cast<std::uint64_t>(kLastFactKind)) return std::nullopt;
    entry.key.kind = static_cast<FactKind>(kind);
    if (key.size() != key_size(entry.key.kind)) return std::nullopt;
    entry.key.ledger = LedgerId(static_cast<std::uint32_t>(take_number(in, 4)));
    const std::uint64_t high = take_number(in, 8);
    entry.key.id = CommandId(high, take_number(in, 8));
    if (has_posting(entry.key.kind))
        entry.key.posting = static_cast<std::uint32_t>(take_number(in, kPostingBytes));
    if (has_leader(entry.key.kind))
        entry.key.leader = static_cast<std::uint16_t>(take_number(in, kLeaderBytes));
    in = bytes_of(value);
    entry.locator.record = RecordNumber(take_number(in, 8));
    entry.locator.event = EventNumber(take_number(in, 8));
    entry.locator.offset = static_cast<std::uint32_t>(take_number(in, 4));
    entry.locator.size = static_cast<std::uint32_t>(take_number(in, 4));
    return entry;
}

Fault storage(const char* what, const rocksdb::Status& status) {
    const bool is_altered = status.IsCorruption() || status.IsPathNotFound();
    const FaultCode code = is_altered ? FaultCode::corrupt : FaultCode::storage;
    return {code, std::string("shard store: ") + what + ": " + status.ToString()};
}

/// A walk, or a look-up that found nothing, may have passed over it.
Fault unread() {
    return {FaultCode::storage, "shard store: a read of its files failed"};
}

rocksdb::Options store_options(rocksdb::Env* env) {
    rocksdb::Options options;
    options.env = env;
    options.create_if_missing = true;
    options.fail_if_options_file_error = true;
    options.paranoid_checks = true;
    options.compression = rocksdb::kNoCompression;  // ids are random: nothing to gain
    options.max_background_jobs = 2;
    // Ids are random, so every file overlaps every other: merging files of like size writes each
    // row a few times in its life, merging into levels many times. Few rows replace another,
    // so nothing is won by merging everything.
    options.compaction_style = rocksdb::kCompactionStyleUniversal;
    options.level0_file_num_compaction_trigger = 24;
    options.compaction_options_universal.size_ratio = 20;
    options.compaction_options_universal.max_size_amplification_percent = 1000;
    // RocksDB ends the process when it gets no thread for opening files.
    options.max_file_opening_threads = 1;
    options.info_log = silent_logger();
    rocksdb::BlockBasedTableOptions table;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.block_cache = rocksdb::NewLRUCache(32 << 20);
    // A look-up then checks one sealed block, not two.
    table.block_align = true;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    return options;
}

class RocksShardStore final : public ShardStore {
public:
    RocksShardStore(std::filesystem::path directory, const EpochKeys& keys, ShardId shard,
                    std::shared_ptr<rocksdb::FileSystem> disk)
        : directory_(std::move(directory)),
          files_(keys.local_key("shard-store-files", shard), std::move(disk)),
          options_(store_options(files_.env())),
          merge_room_([this](std::uint64_t bytes) {
              return check_room(system_files(), directory_.string(), kDiskReserveBytes + bytes);
          }) {
        options_.listeners.push_back(merge_room_.listener());
        // After it: a merge that waits for room has read nothing yet.
        options_.listeners.push_back(files_.listener());
    }
    ~RocksShardStore() override { merge_room_.stop_waiting(); }

    Status open_database() {
        std::error_code error;
        if (Status room = check_room(system_files(), directory_.string(), kDiskReserveBytes); !room)
            return room;
        std::filesystem::create_directories(directory_.parent_path(), error);
        if (has_lost_tables(directory_))
            return Fault{FaultCode::corrupt, "shard store: the file CURRENT is missing"};
        rocksdb::DB* opened = nullptr;
        const rocksdb::Status status = rocksdb::DB::Open(options_, directory_.string(), &opened);
        if (!status.ok()) return storage("open", status);
        database_.reset(opened);
        return {};
    }

    std::optional<StorePosition> peek() {
        std::error_code error;
        if (!std::filesystem::exists(directory_ / "CURRENT", error)) return std::nullopt;
        rocksdb::Options options = options_;
        options.create_if_missing = false;
        options.max_open_files = kPeekFilesMax;
        rocksdb::DB* raw = nullptr;
        const rocksdb::Status opened =
            rocksdb::DB::OpenForReadOnly(options, directory_.string(), &raw);
        const std::unique_ptr<rocksdb::DB> database(raw);
        if (!opened.ok()) return std::nullopt;
        std::string value;
        if (!database->Get(rocksdb::ReadOptions(), kPositionKey, &value).ok()) return std::nullopt;
        return parse_position(value);
    }

    Result<std::optional<StorePosition>> load(
        const std::function<void(const FactKey&)>& show) override {
        const Fault unknown{FaultCode::corrupt, "shard store: a row is none of ours"};
        std::optional<StorePosition> position;
        bool is_empty = true;
        const std::uint64_t failed_before = SealedFiles::failed_reads();
        rocksdb::ReadOptions reading;
        reading.fill_cache = false;
        reading.readahead_size = 2 << 20;
        const std::unique_ptr<rocksdb::Iterator> each(database_->NewIterator(reading));
        for (each->SeekToFirst(); each->Valid(); each->Next()) {
            is_empty = false;
            if (each->key() == rocksdb::Slice(kPositionKey)) {
                position = parse_position(each->value());
                if (!position) return unknown;
                continue;
            }
            const std::optional<FactEntry> entry = parse_row(each->key(), each->value());
            if (!entry) return unknown;
            show(entry->key);
        }
        if (!each->status().ok()) return storage("load", each->status());
        if (SealedFiles::failed_reads() != failed_before) return unread();
        if (!position && !is_empty) return unknown;
        return position;
    }

    Result<std::optional<Locator>> find(const FactKey& key) override {
        rocksdb::PinnableSlice value;
        const KeyBytes bytes = key_bytes(key);
        const std::uint64_t failed_before = SealedFiles::failed_reads();
        const rocksdb::Status status = database_->Get(
            rocksdb::ReadOptions(), database_->DefaultColumnFamily(), slice(bytes), &value);
        if (status.IsNotFound()) {
            if (SealedFiles::failed_reads() != failed_before) return unread();
            return std::optional<Locator>();
        }
        if (!status.ok()) return storage("read", status);
        const std::optional<FactEntry> entry = parse_row(slice(bytes), value);
        if (!entry) return Fault{FaultCode::corrupt, "shard store: a row is not what was written"};
        return std::optional<Locator>(entry->locator);
    }

    Status append(std::vector<FactEntry>& facts, const StorePosition& position) override {
        if (Status room = check_room(system_files(), directory_.string(), kDiskReserveBytes); !room)
            return room;
        std::sort(facts.begin(), facts.end(), [](const FactEntry& a, const FactEntry& b) {
            return a.key != b.key ? a.key < b.key : a.locator.event < b.locator.event;
        });
        const std::string file = (directory_.parent_path() / "store-append.sst").string();
        // Killed between taking a file over and removing its old name, RocksDB leaves both names
        // for one file of the store: writing to the old one would overwrite it.
        std::error_code error;
        std::filesystem::remove(file, error);
        if (error) return Fault{FaultCode::storage, "shard store: append: " + error.message()};
        // What is written here is read again soon, by merges and for repeats: it stays in the page
        // cache.
        constexpr bool kInvalidatePageCache = false;
        rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options_, nullptr,
                                      kInvalidatePageCache);
        rocksdb::Status status = writer.Open(file);
        if (!status.ok()) return storage("append", status);
        status = writer.Put(rocksdb::Slice(kPositionKey), slice(position_bytes(position)));
        for (std::size_t i = 0; i < facts.size() && status.ok(); ++i) {
            if (i + 1 < facts.size() && facts[i + 1].key == facts[i].key) continue;
            status =
                writer.Put(slice(key_bytes(facts[i].key)), slice(value_bytes(facts[i].locator)));
        }
        if (status.ok()) status = writer.Finish();
        if (!status.ok()) return storage("append", status);
        rocksdb::IngestExternalFileOptions ingestion;
        ingestion.move_files = true;
        ingestion.write_global_seqno = false;  // a sealed file is not written over
        const SealedFiles::TakingIn taking_in(files_);
        status = database_->IngestExternalFile({file}, ingestion);
        return status.ok() ? Status() : Status(storage("append", status));
    }

private:
    std::filesystem::path directory_;
    SealedFiles files_;
    rocksdb::Options options_;
    MergeRoom merge_room_;
    std::unique_ptr<rocksdb::DB> database_;
};

class RocksShardStores final : public ShardStores {
public:
    explicit RocksShardStores(std::shared_ptr<rocksdb::FileSystem> disk)
        : disk_(std::move(disk)) {}

    Result<std::unique_ptr<ShardStore>> open(const std::filesystem::path& directory,
                                             const EpochKeys& keys, ShardId shard) override {
        auto store = std::make_unique<RocksShardStore>(directory, keys, shard, disk_);
        if (Status status = store->open_database(); !status) return status.error();
        return std::unique_ptr<ShardStore>(std::move(store));
    }
    std::optional<StorePosition> peek(const std::filesystem::path& directory,
                                      const EpochKeys& keys, ShardId shard) override {
        return RocksShardStore(directory, keys, shard, disk_).peek();
    }

private:
    const std::shared_ptr<rocksdb::FileSystem> disk_;
};

}  // namespace

ShardStores& rocks_shard_stores() {
    static RocksShardStores stores(rocksdb::FileSystem::Default());
    return stores;
}

std::unique_ptr<ShardStores> rocks_shard_stores_on(std::shared_ptr<rocksdb::FileSystem> disk) {
    return std::make_unique<RocksShardStores>(std::move(disk));
}

}  // namespace vouch::command_handler
