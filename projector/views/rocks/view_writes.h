#pragma once

#include "projector/views/bulk_rows.h"
#include "projector/views/newest_history.h"
#include "projector/views/rocks/rocks_view_store.h"
#include "projector/views/view_store.h"

#include <rocksdb/sst_file_writer.h>
#include <rocksdb/write_batch.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace vouch::projector {

/// Rows that go through the memtable.
class BatchWrite final : public ViewWrite {
public:
    /// Both outlive it.
    BatchWrite(RocksViewStore& store, NewestHistory& newest) : store_(store), newest_(newest) {}

    void put_history(AccountNumber account, EventNumber event, std::uint16_t change,
                     ByteView value) override;
    void put_command(LedgerId ledger, CommandId id, EventNumber event) override;
    void put_at_end(const RowKey& key, ByteView value) override;
    void put(const RowKey& key, ByteView value) override;
    std::size_t bytes() const override;
    Status commit(const ViewPosition& position) override;

private:
    RocksViewStore& store_;
    NewestHistory& newest_;
    rocksdb::WriteBatch batch_;
    rocksdb::Status first_error_;
    Bytes number_;
};

/// A bulk load: rows of kinds that are only appended go straight into files of their own, the
/// others are gathered, sorted, and written into one more at the end, the position among them.
class BulkWrite final : public ViewWrite {
public:
    /// All of them outlive it; `rows` are empty.
    BulkWrite(RocksViewStore& store, NewestHistory& newest, BulkRows& rows)
        : store_(store), newest_(newest), rows_(rows) {}
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
    void keep(const rocksdb::Status& status);

    RocksViewStore& store_;
    NewestHistory& newest_;
    BulkRows& rows_;
    std::optional<File> event_blocks_;
    std::optional<File> record_times_;
    std::optional<File> others_;
    rocksdb::Status first_error_;
};

}  // namespace vouch::projector
