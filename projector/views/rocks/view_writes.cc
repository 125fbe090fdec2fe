#include "projector/views/rocks/view_writes.h"

#include "events/check.h"
#include "projector/views/bulk_rows.h"
#include "projector/views/rocks/translation.h"

#include <rocksdb/sst_file_writer.h>
#include <rocksdb/write_batch.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace vouch::projector {
namespace {

/// Files taken in are read again soon, by merges and queries: they stay in the page cache.
constexpr bool kInvalidatePageCache = false;

class BatchWrite final : public ViewWrite {
public:
    BatchWrite(RocksViewStore& store, NewestHistory& newest) : store_(store), newest_(newest) {}

    void put_history(AccountNumber account, EventNumber event, std::uint16_t change,
                     ByteView value) override {
        newest_.put(account, event, change, value);
        put(history_key(account, event, change), value);
    }
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

    Status commit(const ViewPosition& position) override {
        encode_position(position, number_);
        put(position_key(), number_);
        if (!first_error_.ok()) return store_.fail(first_error_, "gathering rows");
        return store_.write(batch_, position);
    }

private:
    RocksViewStore& store_;
    NewestHistory& newest_;
    rocksdb::WriteBatch batch_;
    rocksdb::Status first_error_;
    Bytes number_;
};

/// The memory of a bulk load is kept for the next one, of whichever view. Any thread.
class SpareRows {
public:
    std::unique_ptr<BulkRows> take() {
        const std::lock_guard lock(mutex_);
        if (!spare_) return std::make_unique<BulkRows>();
        spare_->clear();
        return std::move(spare_);
    }
    void give(std::unique_ptr<BulkRows> rows) {
        const std::lock_guard lock(mutex_);
        spare_ = std::move(rows);
    }

private:
    std::mutex mutex_;
    std::unique_ptr<BulkRows> spare_;
};

SpareRows& spare_rows() {
    static SpareRows rows;
    return rows;
}

class BulkWrite final : public ViewWrite {
public:
    BulkWrite(RocksViewStore& store, NewestHistory& newest)
        : store_(store), newest_(newest), rows_(spare_rows().take()) {}

    ~BulkWrite() override {
        // Files that RocksDB took are gone already; the writers of the others are closed before.
        std::error_code ignored;
        for (std::optional<File>* file : {&event_blocks_, &record_times_, &others_}) {
            if (!*file) continue;
            (*file)->writer.reset();
            std::filesystem::remove((*file)->path, ignored);
        }
        spare_rows().give(std::move(rows_));
    }

    void put_history(AccountNumber account, EventNumber event, std::uint16_t change,
                     ByteView value) override {
        rows_->add_history(account, event, change, value);
    }
    void put_command(LedgerId ledger, CommandId id, EventNumber event) override {
        rows_->add_command(ledger, id, event);
    }
    void put_at_end(const RowKey& key, ByteView value) override {
        const auto kind = static_cast<RowKind>(key.view()[0]);
        VOUCH_ASSERT(kind == RowKind::event_block || kind == RowKind::record_time);
        File& file = kind == RowKind::event_block ? open_file(event_blocks_, "event_blocks.sst")
                                                  : open_file(record_times_, "record_times.sst");
        keep(file.writer->Put(slice(key.view()), slice(value)));
    }
    void put(const RowKey& key, ByteView value) override { rows_->add(key, value); }
    std::size_t bytes() const override { return rows_->bytes(); }

    Status commit(const ViewPosition& position) override {
        Bytes value;
        encode_position(position, value);
        rows_->add(position_key(), value);
        File& others = open_file(others_, "others.sst");
        rows_->visit_sorted([&](ByteView key, ByteView row) {
            // Here in the order of accounts, which the memory of their newest rows follows.
            if (const std::optional<HistoryKey> history = decode_history_key(key))
                newest_.put(history->account, history->event, history->change, row);
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

private:
    struct File {
        std::string path;
        std::unique_ptr<rocksdb::SstFileWriter> writer;
    };
    File& open_file(std::optional<File>& file, const char* name) {
        if (!file) {
            file.emplace();
            file->path = store_.load_path(name);
            file->writer = std::make_unique<rocksdb::SstFileWriter>(
                rocksdb::EnvOptions(), store_.load_options(), nullptr, kInvalidatePageCache);
            keep(file->writer->Open(file->path));
        }
        return *file;
    }
    void keep(const rocksdb::Status& status) {
        if (!status.ok() && first_error_.ok()) first_error_ = status;
    }

    RocksViewStore& store_;
    NewestHistory& newest_;
    std::unique_ptr<BulkRows> rows_;
    std::optional<File> event_blocks_;
    std::optional<File> record_times_;
    std::optional<File> others_;
    rocksdb::Status first_error_;
};

}  // namespace

std::unique_ptr<ViewWrite> begin_batch(RocksViewStore& store, NewestHistory& newest) {
    return std::make_unique<BatchWrite>(store, newest);
}

std::unique_ptr<ViewWrite> begin_bulk(RocksViewStore& store, NewestHistory& newest) {
    return std::make_unique<BulkWrite>(store, newest);
}

}  // namespace vouch::projector
