#pragma once

#include "events/log/log.h"
#include "events/result.h"

#include <rocksdb/slice.h>
#include <rocksdb/status.h>

#include <span>

namespace vouch::projector {

// Bytes and failures, as RocksDB has them and as we do.

inline rocksdb::Slice slice(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline ByteView view(const rocksdb::Slice& bytes) {
    return std::as_bytes(std::span(bytes.data(), bytes.size()));
}

/// `corrupt` for what is not what was written, `retriable` for what may pass.
Fault fault(const rocksdb::Status& status, const char* doing);

/// Opening failed because another has the database open.
bool is_lock_held(const rocksdb::Status& status);

}  // namespace vouch::projector
