#pragma once

#include <rocksdb/file_system.h>
#include <rocksdb/io_status.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace vouch {

inline std::span<const std::byte> slice_bytes(const rocksdb::Slice& slice) {
    return std::as_bytes(std::span(slice.data(), slice.size()));
}
inline rocksdb::Slice slice_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What tables and streams that are being written have in common: bytes are appended, in order, and
/// whatever else RocksDB could do to a file is refused. For the sources beside it alone: it names
/// RocksDB.
class SealedWriter : public rocksdb::FSWritableFileOwnerWrapper {
public:
    using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;
    using IODebugContext = rocksdb::IODebugContext;
    using IOOptions = rocksdb::IOOptions;
    using IOStatus = rocksdb::IOStatus;

    IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                    IODebugContext* debug) override = 0;
    IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                    const rocksdb::DataVerificationInfo&, IODebugContext* debug) final {
        return Append(data, options, debug);
    }
    IOStatus PositionedAppend(const rocksdb::Slice&, std::uint64_t, const IOOptions&,
                              IODebugContext*) final {
        return IOStatus::NotSupported("a sealed file is written in order");
    }
    IOStatus PositionedAppend(const rocksdb::Slice&, std::uint64_t, const IOOptions&,
                              const rocksdb::DataVerificationInfo&, IODebugContext*) final {
        return IOStatus::NotSupported("a sealed file is written in order");
    }
    IOStatus Truncate(std::uint64_t, const IOOptions&, IODebugContext*) final {
        return IOStatus::NotSupported("a sealed file is not cut");
    }
};

}  // namespace vouch
