#pragma once

#include "projector/views/newest_history.h"
#include "projector/views/rocks/damage.h"
#include "projector/views/view_store.h"

#include <rocksdb/db.h>

#include <memory>
#include <optional>

namespace vouch::projector {

/// A view as it was at one position. One thread; all that it refers to outlives it.
class RocksSnapshot final : public ViewSnapshot {
public:
    RocksSnapshot(rocksdb::DB& db, NewestHistory& newest, Damage& damage);
    ~RocksSnapshot() override;
    RocksSnapshot(const RocksSnapshot&) = delete;
    RocksSnapshot& operator=(const RocksSnapshot&) = delete;

    /// Once, before anything else. `configuration` for rows of another format.
    Status read_position();

    const std::optional<ViewPosition>& position() const override { return position_; }
    Result<bool> get(ByteView key, Bytes& value) override;
    std::unique_ptr<RowCursor> cursor() override;
    bool newest_history(AccountNumber account, EventNumber end, Bytes& value) override;

private:
    rocksdb::DB& db_;
    NewestHistory& newest_;
    Damage& damage_;
    const rocksdb::Snapshot* snapshot_;
    std::optional<ViewPosition> position_;
};

}  // namespace vouch::projector
