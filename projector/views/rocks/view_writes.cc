#include "projector/views/rocks/view_writes.h"

#include "events/check.h"
#include "projector/views/rocks/translation.h"

#include <filesystem>
#include <system_error>
#include <vector>

namespace vouch::projector {
namespace {

/// Files taken in are read again soon, by merges and queries: they stay in the page cache.
constexpr bool kInvalidatePageCache = false;

}  // namespace

void BatchWrite::put_history(AccountNumber account, EventNumber event, std::uint16_t change,
                             ByteView value) {
    newest_.put(account, event, change, value);
    put(history_key(account, event, change), value);
}

void BatchWrite::put_command(LedgerId ledger, CommandId id, EventNumber event) {
    encode_number(event.value(), number_);
    put(command_key(ledger, id), number_);
}

void BatchWrite::put_at_end(const RowKey& key, ByteView value) { put(key, value); }

void BatchWrite::put(const RowKey& key, ByteView value) {
    const rocksdb::Status status = batch_.Put(slice(key.view()), slice(value));
    if (!status.ok()) first_error_ = status;
}

std::size_t BatchWrite::bytes() const { return batch_.GetDataSize(); }

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
        std::filesystem::remove((*file)->path, ignored);
    }
}

void BulkWrite::keep(const rocksdb::Status& status) {
    if (!status.ok() && first_error_.ok()) first_error_ = status;
}

BulkWrite::File& BulkWrite::open_file(std::optional<File>& file, const char* name) {
    if (!file) {
        file.emplace();
        file->path = store_.load_path(name);
        file->writer = std::make_unique<rocksdb::SstFileWriter>(
            rocksdb::EnvOptions(), store_.load_options(), nullptr, kInvalidatePageCache);
        keep(file->writer->Open(file->path));
    }
    return *file;
}

void BulkWrite::put_history(AccountNumber account, EventNumber event, std::uint16_t change,
                            ByteView value) {
    rows_.add_history(account, event, change, value);
}

void BulkWrite::put_command(LedgerId ledger, CommandId id, EventNumber event) {
    rows_.add_command(ledger, id, event);
}

void BulkWrite::put_at_end(const RowKey& key, ByteView value) {
    const auto kind = static_cast<RowKind>(key.view()[0]);
    VOUCH_ASSERT(kind == RowKind::event_block || kind == RowKind::record_time);
    File& file = kind == RowKind::event_block ? open_file(event_blocks_, "event_blocks.sst")
                                              : open_file(record_times_, "record_times.sst");
    keep(file.writer->Put(slice(key.view()), slice(value)));
}

void BulkWrite::put(const RowKey& key, ByteView value) { rows_.add(key, value); }

std::size_t BulkWrite::bytes() const { return rows_.bytes(); }

Status BulkWrite::commit(const ViewPosition& position) {
    Bytes value;
    encode_position(position, value);
    rows_.add(position_key(), value);
    File& others = open_file(others_, "others.sst");
    rows_.visit_sorted([&](ByteView key, ByteView row) {
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

}  // namespace vouch::projector
