#include "projector/views/rocks/rocks_snapshot.h"

#include "events/store/sealed_files.h"
#include "projector/views/rocks/options.h"
#include "projector/views/rocks/translation.h"

#include <utility>

namespace vouch::projector {
namespace {

/// A walk, or a look-up that found nothing, may have passed over what could not be read.
Status check_reads(std::uint64_t failed_before) {
    if (SealedFiles::failed_reads() == failed_before) return {};
    return Fault{FaultCode::storage, "view: reading rows: a read of its files failed"};
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
        if (iterator_->status().ok()) return check_reads(failed_before_);
        return damage_.keep(fault(iterator_->status(), "reading rows"));
    }

private:
    std::unique_ptr<rocksdb::Iterator> iterator_;
    const std::uint64_t failed_before_ = SealedFiles::failed_reads();
    Damage& damage_;
};

}  // namespace

RocksSnapshot::RocksSnapshot(rocksdb::DB& db, NewestHistory& newest, Damage& damage)
    : db_(db), newest_(newest), damage_(damage), snapshot_(db.GetSnapshot()) {}

RocksSnapshot::~RocksSnapshot() { db_.ReleaseSnapshot(snapshot_); }

Status RocksSnapshot::read_position() {
    Bytes value;
    const Result<bool> found = get(position_key().view(), value);
    if (!found) return found.error();
    if (!*found) return {};
    position_ = decode_position(value);
    if (position_) return {};
    return Fault{FaultCode::configuration,
                 "view: its rows are of another format; move it aside to have it rebuilt"};
}

Result<bool> RocksSnapshot::get(ByteView key, Bytes& value) {
    rocksdb::PinnableSlice found;
    const std::uint64_t failed_before = SealedFiles::failed_reads();
    const rocksdb::Status status =
        db_.Get(read_options(snapshot_), db_.DefaultColumnFamily(), slice(key), &found);
    if (status.IsNotFound()) {
        if (Status read = check_reads(failed_before); !read) return read.error();
        return false;
    }
    if (!status.ok()) return damage_.keep(fault(status, "reading a row"));
    const ByteView bytes = view(found);
    value.assign(bytes.begin(), bytes.end());
    return true;
}

std::unique_ptr<RowCursor> RocksSnapshot::cursor() {
    return std::make_unique<Cursor>(
        std::unique_ptr<rocksdb::Iterator>(db_.NewIterator(read_options(snapshot_))), damage_);
}

bool RocksSnapshot::newest_history(AccountNumber account, EventNumber end, Bytes& value) {
    return newest_.get(account, end, value);
}

}  // namespace vouch::projector
