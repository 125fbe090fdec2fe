#pragma once

#include "events/seal/mac.h"

#include <cstdint>
#include <filesystem>
#include <memory>

namespace rocksdb {
class Env;
class EventListener;
class FileSystem;
class Logger;
}  // namespace rocksdb

namespace vouch {

struct FileDoubts;

/// The files of a RocksDB, sealed: what is read back is what was written, or the read fails as
/// corruption. Layout of the files: sealed_files.cc. Any thread.
///
/// The database must not write global sequence numbers into files that it takes in, and keeps no
/// write-ahead log (README.md).
class SealedFiles {
public:
    /// `key` is the store's own (EpochKeys::local_key). Each file's key derives from it.
    explicit SealedFiles(const SecretKey& key);
    /// On another file system than this machine's own.
    SealedFiles(const SecretKey& key, std::shared_ptr<rocksdb::FileSystem> below);
    SealedFiles(const SealedFiles&) = delete;
    SealedFiles& operator=(const SealedFiles&) = delete;
    ~SealedFiles();

    /// For Options::env. Outlived by this.
    rocksdb::Env* env() const { return env_.get(); }

    /// Reads of rows that have failed so far on the calling thread. Who finds no row, or walks to
    /// the end, has to see that none failed meanwhile: RocksDB does not tell of each.
    static std::uint64_t failed_reads();

    /// For Options::listeners: what TakingIn says, while RocksDB merges.
    std::shared_ptr<rocksdb::EventListener> listener() const;

    /// To be alive while RocksDB takes in a table: if a read fails meanwhile, its manifest is not
    /// written, and taking in fails. RocksDB asks a table for its last key without looking whether
    /// that could be read; it would then know too small a one, for ever, and never look into the
    /// table for rows behind it.
    class TakingIn {
    public:
        explicit TakingIn(SealedFiles& files);
        ~TakingIn();
        TakingIn(const TakingIn&) = delete;
        TakingIn& operator=(const TakingIn&) = delete;

    private:
        SealedFiles& files_;
    };

private:
    std::shared_ptr<FileDoubts> doubts_;
    std::unique_ptr<rocksdb::Env> env_;
};

/// For Options::info_log: what RocksDB tells people goes nowhere. In a file of its own, one line
/// that a full or failing disk refuses would end the process at the next: Debian's RocksDB asserts
/// that nobody writes on behind a failed write, and its log does.
std::shared_ptr<rocksdb::Logger> silent_logger();

/// Whether a directory holds tables of rows, and no longer the file that says which count: RocksDB
/// would begin a new store over them and remove them.
bool has_lost_tables(const std::filesystem::path& directory);

}  // namespace vouch
