#pragma once

#include "events/seal/mac.h"

#include <cstdint>
#include <memory>
#include <string>

namespace rocksdb {
class FSSequentialFile;
class FSWritableFile;
class IOStatus;
}  // namespace rocksdb

namespace vouch {

/// Streams: files that are written and read from front to back (a manifest, and small ones). A
/// stream may end anywhere, as after a crash; what is read before its end was written so.
/// Layout: sealed_stream.cc.

/// Seals what is written to the new, empty `file`.
std::unique_ptr<rocksdb::FSWritableFile> seal_stream(const SecretKey& store_key,
                                                     std::unique_ptr<rocksdb::FSWritableFile> file);

/// Reads a sealed stream from its front, verifying as it goes; corruption names `path`.
std::unique_ptr<rocksdb::FSSequentialFile> open_sealed_stream(
    const SecretKey& store_key, const std::string& path,
    std::unique_ptr<rocksdb::FSSequentialFile> file);

}  // namespace vouch
