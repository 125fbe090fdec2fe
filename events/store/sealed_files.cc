#include "events/store/sealed_files.h"

#include "events/log/descriptors.h"
#include "events/store/sealed_stream.h"
#include "events/store/sealed_table.h"
#include "events/store/sealed_writer.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/listener.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace vouch {

/// What failed, as far as something else depends on it. Any thread.
struct FileDoubts {
    std::atomic<std::uint64_t> failed_reads = 0;
    /// Writing it failed: what it says on the disk is not known until another one counts.
    std::atomic<bool> is_manifest_unknown = false;

    /// From here on what is read decides which tables count.
    void begin_relying() {
        const std::lock_guard lock(mutex_);
        if (relying_++ == 0) failed_before_ = failed_reads;
    }
    void end_relying() {
        const std::lock_guard lock(mutex_);
        --relying_;
    }
    bool has_failed_what_counts() {
        const std::lock_guard lock(mutex_);
        return relying_ > 0 && failed_reads != failed_before_;
    }

private:
    std::mutex mutex_;
    int relying_ = 0;
    std::uint64_t failed_before_ = 0;
};

namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

/// Bytes read at a time to count a stream's.
constexpr std::size_t kCountBytes = std::size_t{64} << 10;

bool is_table(std::string_view path) { return path.ends_with(".sst"); }

bool is_manifest(std::string_view path) { return path.find("/MANIFEST-") != path.npos; }

/// What RocksDB tells people and never reads back, its lock, and its identity: a name that nothing
/// rests on, whose reading it does not expect to fail (it is written under a number of its own).
bool is_plain(std::string_view path) {
    const std::string_view name = path.substr(path.find_last_of('/') + 1);
    return name.starts_with("LOG") || name == "LOCK" || name == "IDENTITY" ||
           name == "000000.dbtmp";
}

/// A table that is complete and is only to be made durable, as RocksDB does with what it takes in.
class WrittenTable final : public SealedWriter {
public:
    using SealedWriter::SealedWriter;
    IOStatus Append(const Slice&, const IOOptions&, IODebugContext*) override {
        return IOStatus::NotSupported("a sealed table takes no more rows");
    }
};

/// A table read from front to back, as RocksDB does to copy one.
class TableInOrder final : public rocksdb::FSSequentialFile {
public:
    explicit TableInOrder(std::unique_ptr<rocksdb::FSRandomAccessFile> table)
        : table_(std::move(table)) {}

    IOStatus Read(std::size_t size, const IOOptions& options, Slice* result, char* scratch,
                  IODebugContext* debug) override {
        const IOStatus status = table_->Read(at_, size, options, result, scratch, debug);
        if (status.ok()) at_ += result->size();
        return status;
    }
    IOStatus Skip(std::uint64_t size) override {
        at_ += size;
        return IOStatus::OK();
    }

private:
    const std::unique_ptr<rocksdb::FSRandomAccessFile> table_;
    std::uint64_t at_ = 0;
};

/// A stream opened as a table: RocksDB opens its manifest so at a start, to see that it can.
class StreamByPlace final : public rocksdb::FSRandomAccessFile {
public:
    IOStatus Read(std::uint64_t, std::size_t, const IOOptions&, Slice*, char*,
                  IODebugContext*) const override {
        return IOStatus::NotSupported("a sealed stream is read in order");
    }
};

/// On this thread, of all stores.
thread_local std::uint64_t failed_here = 0;

/// A table of which a read that fails is not forgotten.
class WatchedTable final : public rocksdb::FSRandomAccessFileOwnerWrapper {
public:
    WatchedTable(std::unique_ptr<rocksdb::FSRandomAccessFile> table,
                 std::shared_ptr<FileDoubts> doubts)
        : FSRandomAccessFileOwnerWrapper(std::move(table)), doubts_(std::move(doubts)) {}

    IOStatus Read(std::uint64_t offset, std::size_t size, const IOOptions& options, Slice* result,
                  char* scratch, IODebugContext* debug) const override {
        return noted(target()->Read(offset, size, options, result, scratch, debug));
    }
    IOStatus MultiRead(rocksdb::FSReadRequest* requests, std::size_t count,
                       const IOOptions& options, IODebugContext* debug) override {
        const IOStatus status = target()->MultiRead(requests, count, options, debug);
        for (const rocksdb::FSReadRequest& each : std::span(requests, count))
            (void)noted(each.status);
        return noted(status);
    }

private:
    IOStatus noted(IOStatus status) const {
        if (!status.ok()) {
            ++doubts_->failed_reads;
            ++failed_here;
        }
        return status;
    }

    const std::shared_ptr<FileDoubts> doubts_;
};

/// A stream, the manifest among them, that is not written behind what could not be read.
class WatchedStream final : public rocksdb::FSWritableFileOwnerWrapper {
public:
    WatchedStream(std::unique_ptr<rocksdb::FSWritableFile> stream, bool is_manifest,
                  std::shared_ptr<FileDoubts> doubts)
        : FSWritableFileOwnerWrapper(std::move(stream)),
          is_manifest_(is_manifest),
          doubts_(std::move(doubts)) {}

    IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
        if (doubts_->has_failed_what_counts())
            return IOStatus::IOError("a table that was to be taken in or merged could not be read");
        return noted(target()->Append(data, options, debug));
    }
    IOStatus Append(const Slice& data, const IOOptions& options,
                    const rocksdb::DataVerificationInfo&, IODebugContext* debug) override {
        return Append(data, options, debug);
    }
    IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
        return noted(target()->Sync(options, debug));
    }
    IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
        return noted(target()->Fsync(options, debug));
    }
    IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
        return noted(target()->Close(options, debug));
    }

private:
    IOStatus noted(IOStatus status) {
        if (!status.ok() && is_manifest_) doubts_->is_manifest_unknown = true;
        return status;
    }

    const bool is_manifest_;
    const std::shared_ptr<FileDoubts> doubts_;
};

/// RocksDB tries again by itself what is said to pass, and otherwise never writes any more.
IOStatus may_pass(IOStatus status) {
    if (!status.ok() && is_out_of_descriptors(status.ToString())) status.SetRetryable(true);
    return status;
}

class SealedFileSystem final : public rocksdb::FileSystemWrapper {
public:
    SealedFileSystem(const SecretKey& key, std::shared_ptr<rocksdb::FileSystem> below,
                     std::shared_ptr<FileDoubts> doubts)
        : FileSystemWrapper(std::move(below)), key_(key.clone()), doubts_(std::move(doubts)) {}

    const char* Name() const override { return "vouch.sealed_files.1"; }

    IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                             IODebugContext* debug) override {
        IOStatus status = may_pass(target()->NewWritableFile(path, options, file, debug));
        if (!status.ok() || is_plain(path)) return status;
        if (is_table(path)) {
            *file = seal_table(key_, std::move(*file));
        } else {
            *file = std::make_unique<WatchedStream>(seal_stream(key_, std::move(*file)),
                                                    is_manifest(path), doubts_);
        }
        return status;
    }

    IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                                std::unique_ptr<rocksdb::FSWritableFile>* file,
                                IODebugContext* debug) override {
        if (!is_table(path) && !is_plain(path))
            return IOStatus::NotSupported("a sealed stream is not continued");
        IOStatus status = target()->ReopenWritableFile(path, options, file, debug);
        if (status.ok() && is_table(path)) *file = std::make_unique<WrittenTable>(std::move(*file));
        return status;
    }

    IOStatus ReuseWritableFile(const std::string&, const std::string&, const FileOptions&,
                               std::unique_ptr<rocksdb::FSWritableFile>*,
                               IODebugContext*) override {
        return IOStatus::NotSupported("a sealed file is not written over");
    }
    IOStatus NewRandomRWFile(const std::string&, const FileOptions&,
                             std::unique_ptr<rocksdb::FSRandomRWFile>*, IODebugContext*) override {
        return IOStatus::NotSupported("a sealed file is not written over");
    }
    IOStatus NewMemoryMappedFileBuffer(
        const std::string&, std::unique_ptr<rocksdb::MemoryMappedFileBuffer>*) override {
        return IOStatus::NotSupported("a sealed file is not mapped");
    }
    IOStatus Truncate(const std::string&, std::size_t, const IOOptions&,
                      IODebugContext*) override {
        return IOStatus::NotSupported("a sealed file is not cut");
    }

    IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                                 std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                 IODebugContext* debug) override {
        if (!is_table(path)) {
            *file = std::make_unique<StreamByPlace>();
            const bool exists = target()->FileExists(path, options.io_options, debug).ok();
            return exists ? IOStatus::OK() : IOStatus::PathNotFound(path);
        }
        std::uint64_t size = 0;
        std::unique_ptr<rocksdb::FSRandomAccessFile> raw;
        IOStatus status = target()->GetFileSize(path, options.io_options, &size, debug);
        if (status.ok()) status = target()->NewRandomAccessFile(path, options, &raw, debug);
        if (!status.ok()) return may_pass(status);
        status = open_sealed_table(key_, path, size, std::move(raw), *file);
        if (status.ok())
            *file = std::make_unique<WatchedTable>(std::move(*file), doubts_);
        return status;
    }

    IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSSequentialFile>* file,
                               IODebugContext* debug) override {
        if (is_table(path)) {
            std::unique_ptr<rocksdb::FSRandomAccessFile> table;
            const IOStatus opened = NewRandomAccessFile(path, options, &table, debug);
            if (opened.ok()) *file = std::make_unique<TableInOrder>(std::move(table));
            return opened;
        }
        IOStatus status = target()->NewSequentialFile(path, options, file, debug);
        if (status.ok() && !is_plain(path))
            *file = open_sealed_stream(key_, path, std::move(*file));
        return status;
    }

    IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                          std::unique_ptr<rocksdb::FSDirectory>* directory,
                          IODebugContext* debug) override {
        return may_pass(target()->NewDirectory(path, options, directory, debug));
    }

    // RocksDB removes a table that it could not take in, also when only the manifest's sync failed:
    // then the manifest may name it all the same, and a store whose table is gone does not open.
    // Opened again, RocksDB removes what its manifest does not name.
    IOStatus DeleteFile(const std::string& path, const IOOptions& options,
                        IODebugContext* debug) override {
        if (is_table(path) && doubts_->is_manifest_unknown)
            return IOStatus::IOError("kept, since the manifest may name it: " + path);
        return target()->DeleteFile(path, options, debug);
    }
    IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                        IODebugContext* debug) override {
        const IOStatus status = target()->RenameFile(from, to, options, debug);
        if (status.ok() && to.ends_with("/CURRENT")) doubts_->is_manifest_unknown = false;
        return status;
    }

    // RocksDB copies what it cannot link, but takes only some of the errors that say so for that.
    // What really is wrong, the copy meets too.
    IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
        const IOStatus linked = target()->LinkFile(from, to, options, debug);
        return linked.ok() ? linked : IOStatus::NotSupported(linked.ToString());
    }

    // Sizes are those of what RocksDB wrote, which it compares with what its manifest says.
    IOStatus GetFileSize(const std::string& path, const IOOptions& options, std::uint64_t* size,
                         IODebugContext* debug) override {
        if (is_plain(path)) return target()->GetFileSize(path, options, size, debug);
        if (!is_table(path)) return count_stream(path, options, size, debug);
        IOStatus status = target()->GetFileSize(path, options, size, debug);
        if (!status.ok()) return status;
        const std::optional<std::uint64_t> rows = table_bytes(*size);
        if (!rows) return IOStatus::Corruption(path, "the sealed table has lost its end");
        *size = *rows;
        return status;
    }
    IOStatus GetChildrenFileAttributes(const std::string& directory, const IOOptions& options,
                                       std::vector<rocksdb::Env::FileAttributes>* children,
                                       IODebugContext* debug) override {
        return FileSystem::GetChildrenFileAttributes(directory, options, children, debug);
    }

private:
    IOStatus count_stream(const std::string& path, const IOOptions& options, std::uint64_t* size,
                          IODebugContext* debug) {
        *size = 0;
        std::unique_ptr<rocksdb::FSSequentialFile> file;
        IOStatus status = NewSequentialFile(path, FileOptions(), &file, debug);
        const auto scratch = std::make_unique_for_overwrite<char[]>(kCountBytes);
        while (status.ok()) {
            Slice read;
            status = file->Read(kCountBytes, options, &read, scratch.get(), debug);
            if (read.empty()) break;
            *size += read.size();
        }
        return status;
    }

    const SecretKey key_;
    const std::shared_ptr<FileDoubts> doubts_;
};

class Merging final : public rocksdb::EventListener {
public:
    explicit Merging(std::shared_ptr<FileDoubts> doubts) : doubts_(std::move(doubts)) {}
    void OnCompactionBegin(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override {
        doubts_->begin_relying();
    }
    void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override {
        doubts_->end_relying();
    }

private:
    const std::shared_ptr<FileDoubts> doubts_;
};

class SilentLogger final : public rocksdb::Logger {
public:
    using rocksdb::Logger::Logv;
    void Logv(const char*, va_list) override {}
};

}  // namespace

std::shared_ptr<rocksdb::Logger> silent_logger() { return std::make_shared<SilentLogger>(); }

SealedFiles::SealedFiles(const SecretKey& key) : SealedFiles(key, rocksdb::FileSystem::Default()) {}

SealedFiles::SealedFiles(const SecretKey& key, std::shared_ptr<rocksdb::FileSystem> below)
    : doubts_(std::make_shared<FileDoubts>()),
      env_(rocksdb::NewCompositeEnv(std::make_shared<SealedFileSystem>(
          key, std::move(below), doubts_))) {}

SealedFiles::~SealedFiles() = default;

std::uint64_t SealedFiles::failed_reads() { return failed_here; }

SealedFiles::TakingIn::TakingIn(SealedFiles& files) : files_(files) {
    files_.doubts_->begin_relying();
}

SealedFiles::TakingIn::~TakingIn() { files_.doubts_->end_relying(); }

std::shared_ptr<rocksdb::EventListener> SealedFiles::listener() const {
    return std::make_shared<Merging>(doubts_);
}

bool has_lost_tables(const std::filesystem::path& directory) {
    std::error_code error;
    if (std::filesystem::exists(directory / "CURRENT", error)) return false;
    std::filesystem::directory_iterator each(directory, error);
    for (; !error && each != std::filesystem::directory_iterator(); each.increment(error)) {
        if (each->path().extension() == ".sst") return true;
    }
    return false;
}

}  // namespace vouch
