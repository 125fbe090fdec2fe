#include "projector/views/rocks/options.h"

#include "events/store/sealed_files.h"
#include "projector/views/view_rows.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/sst_partitioner.h>
#include <rocksdb/table.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace vouch::projector {
namespace {

/// Files above the first level from which RocksDB merges them. Merging costs about as much as
/// loading, so it happens once for many loads.
constexpr int kMergeFrom = 32;
constexpr std::size_t kBlockBytes = 16 * 1024;
constexpr std::uint64_t kFileBytes = 256 * 1024 * 1024;
constexpr std::uint64_t kFirstLevelBytes = std::uint64_t{8} * 1024 * 1024 * 1024;
constexpr double kFilterBitsPerKey = 10;
constexpr std::uint64_t kSyncBytes = 4 * 1024 * 1024;

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
            case RowKind::conflict:
            case RowKind::event_block:
            case RowKind::record_time:
                return false;
        }
        return false;
    }
};

rocksdb::BlockBasedTableOptions table_options() {
    rocksdb::BlockBasedTableOptions table;
    table.block_size = kBlockBytes;
    table.format_version = 5;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kFilterBitsPerKey));
    table.whole_key_filtering = false;
    return table;
}

}  // namespace

rocksdb::Options database_options(const ViewStoreOptions& settings, rocksdb::Env* env) {
    rocksdb::Options options;
    options.env = env;
    options.create_if_missing = true;
    options.paranoid_checks = true;
    options.fail_if_options_file_error = true;
    options.max_background_jobs = 2;
    options.max_open_files = -1;
    options.write_buffer_size = settings.memtable_bytes;
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
    options.info_log = silent_logger();
    // RocksDB ends the process when it gets no thread for opening files.
    options.max_file_opening_threads = 1;
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;

    rocksdb::BlockBasedTableOptions table = table_options();
    table.block_cache = rocksdb::NewLRUCache(settings.cache_bytes);
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    return options;
}

rocksdb::Options load_options(const rocksdb::Options& database) {
    rocksdb::Options options = database;
    options.compression_per_level = {rocksdb::kNoCompression};
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options()));
    return options;
}

rocksdb::ReadOptions read_options(const rocksdb::Snapshot* snapshot) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.total_order_seek = true;  // the prefix extractor is for look-ups alone
    return options;
}

}  // namespace vouch::projector
