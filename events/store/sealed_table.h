#pragma once

#include "events/seal/mac.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace rocksdb {
class FSRandomAccessFile;
class FSWritableFile;
class IOStatus;
}  // namespace rocksdb

namespace vouch {

/// Tables: files of rows that are written once, in order, and then read at any place. What RocksDB
/// writes lies unchanged at the front; tags follow it. Layout: sealed_table.cc.

/// Seals what is written to `file`. The first sync or the closing ends the table.
std::unique_ptr<rocksdb::FSWritableFile> seal_table(const SecretKey& store_key,
                                                    std::unique_ptr<rocksdb::FSWritableFile> file);

/// Reads a sealed table of `file_bytes`, verifying each block that a read touches. Any thread.
/// Corruption, which names `path`, when its end is not what was written.
rocksdb::IOStatus open_sealed_table(const SecretKey& store_key, const std::string& path,
                                    std::uint64_t file_bytes,
                                    std::unique_ptr<rocksdb::FSRandomAccessFile> file,
                                    std::unique_ptr<rocksdb::FSRandomAccessFile>& opened);

/// Bytes of rows in a table file of this size; empty when no table has it.
std::optional<std::uint64_t> table_bytes(std::uint64_t file_bytes);

}  // namespace vouch
