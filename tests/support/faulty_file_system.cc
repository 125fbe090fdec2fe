#include "tests/support/faulty_file_system.h"

#include <algorithm>
#include <fstream>
#include <random>
#include <system_error>
#include <utility>

namespace vouch::test {

namespace fs = std::filesystem;
using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

IOStatus power_is_off() { return IOStatus::IOError("the power is off"); }

/// A copy with one bit in its midst turned.
std::string turned(const Slice& bytes) {
    std::string copy = bytes.ToString();
    if (!copy.empty()) copy[copy.size() / 2] = static_cast<char>(copy[copy.size() / 2] ^ 0x10);
    return copy;
}

/// Of what was read into `scratch` or lies elsewhere.
void turn_a_bit(Slice& read, char* scratch) {
    if (read.empty()) return;
    const std::string copy = turned(read);
    std::copy(copy.begin(), copy.end(), scratch);
    read = Slice(scratch, copy.size());
}

}  // namespace

std::string_view name_of(StorageFault fault) {
    switch (fault) {
        case StorageFault::error: return "error";
        case StorageFault::no_space: return "no space";
        case StorageFault::read_error: return "read error";
        case StorageFault::short_write: return "short write";
        case StorageFault::power_loss: return "power loss";
        case StorageFault::wrong_read: return "wrong read";
        case StorageFault::wrong_write: return "wrong write";
    }
    return "";
}

// --- Files --------------------------------------------------------------------------------------

class FaultyWritable final : public rocksdb::FSWritableFileOwnerWrapper {
public:
    FaultyWritable(FaultyFileSystem& disk, std::string path,
                   std::unique_ptr<rocksdb::FSWritableFile> file)
        : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk), path_(std::move(path)) {}

    IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
        StorageFault fault{};
        IOStatus status;
        if (!disk_.meets(FaultyFileSystem::Kind::append, fault, status))
            return write(data, options, debug);
        if (fault == StorageFault::wrong_write) return write(turned(data), options, debug);
        if (fault == StorageFault::short_write)
            (void)write(Slice(data.data(), data.size() / 2), options, debug);
        return status;
    }
    IOStatus Append(const Slice& data, const IOOptions& options,
                    const rocksdb::DataVerificationInfo&, IODebugContext* debug) override {
        return Append(data, options, debug);
    }
    IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
        const IOStatus begun = disk_.begin_change();
        if (!begun.ok()) return begun;
        const IOStatus status = target()->Sync(options, debug);
        if (status.ok()) disk_.synced(path_);
        return status;
    }
    IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
        return Sync(options, debug);
    }
    /// Says nothing of what is durable.
    IOStatus RangeSync(std::uint64_t, std::uint64_t, const IOOptions&, IODebugContext*) override {
        return IOStatus::OK();
    }
    IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
        const IOStatus closed = target()->Close(options, debug);
        const IOStatus begun = disk_.begin_change();
        return begun.ok() ? closed : begun;
    }

private:
    IOStatus write(const Slice& data, const IOOptions& options, IODebugContext* debug) {
        const IOStatus status = target()->Append(data, options, debug);
        if (status.ok()) disk_.appended(path_, data.size());
        return status;
    }

    FaultyFileSystem& disk_;
    const std::string path_;
};

class FaultyRandomAccess final : public rocksdb::FSRandomAccessFileOwnerWrapper {
public:
    FaultyRandomAccess(FaultyFileSystem& disk, std::unique_ptr<rocksdb::FSRandomAccessFile> file)
        : FSRandomAccessFileOwnerWrapper(std::move(file)), disk_(disk) {}

    IOStatus Read(std::uint64_t offset, std::size_t size, const IOOptions& options, Slice* result,
                  char* scratch, IODebugContext* debug) const override {
        StorageFault fault{};
        IOStatus status;
        const bool meets = disk_.meets(FaultyFileSystem::Kind::read, fault, status);
        if (meets && fault != StorageFault::wrong_read) return status;
        const IOStatus read = target()->Read(offset, size, options, result, scratch, debug);
        if (meets && read.ok()) turn_a_bit(*result, scratch);
        return read;
    }
    IOStatus MultiRead(rocksdb::FSReadRequest* requests, std::size_t count,
                       const IOOptions& options, IODebugContext* debug) override {
        for (std::size_t i = 0; i < count; ++i) {
            rocksdb::FSReadRequest& each = requests[i];
            each.status =
                Read(each.offset, each.len, options, &each.result, each.scratch, debug);
        }
        return IOStatus::OK();
    }

private:
    FaultyFileSystem& disk_;
};

class FaultySequential final : public rocksdb::FSSequentialFileOwnerWrapper {
public:
    FaultySequential(FaultyFileSystem& disk, std::unique_ptr<rocksdb::FSSequentialFile> file)
        : FSSequentialFileOwnerWrapper(std::move(file)), disk_(disk) {}

    IOStatus Read(std::size_t size, const IOOptions& options, Slice* result, char* scratch,
                  IODebugContext* debug) override {
        StorageFault fault{};
        IOStatus status;
        const bool meets = disk_.meets(FaultyFileSystem::Kind::read, fault, status);
        if (meets && fault != StorageFault::wrong_read) return status;
        const IOStatus read = target()->Read(size, options, result, scratch, debug);
        if (meets && read.ok()) turn_a_bit(*result, scratch);
        return read;
    }

private:
    FaultyFileSystem& disk_;
};

class FaultyDirectory final : public rocksdb::FSDirectoryWrapper {
public:
    FaultyDirectory(FaultyFileSystem& disk, std::string path,
                    std::unique_ptr<rocksdb::FSDirectory> directory)
        : FSDirectoryWrapper(std::move(directory)), disk_(disk), path_(std::move(path)) {}

    IOStatus Fsync(const IOOptions&, IODebugContext*) override {
        const IOStatus begun = disk_.begin_change();
        if (begun.ok()) disk_.synced_names(path_);
        return begun;
    }
    IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                                 const rocksdb::DirFsyncOptions&) override {
        return Fsync(options, debug);
    }

private:
    FaultyFileSystem& disk_;
    const std::string path_;
};

// --- The file system ----------------------------------------------------------------------------

FaultyFileSystem::FaultyFileSystem(fs::path graveyard)
    : FileSystemWrapper(rocksdb::FileSystem::Default()), graveyard_(std::move(graveyard)) {
    fs::create_directories(graveyard_);
}

void FaultyFileSystem::fail_at(std::uint64_t nth, StorageFault fault) {
    const std::lock_guard lock(mutex_);
    fail_in_ = nth;
    fault_ = fault;
    happened_ = false;
}

void FaultyFileSystem::heal() {
    const std::lock_guard lock(mutex_);
    fail_in_ = 0;
}

bool FaultyFileSystem::fault_happened() const {
    const std::lock_guard lock(mutex_);
    return happened_;
}

bool FaultyFileSystem::is_off() const {
    const std::lock_guard lock(mutex_);
    return is_off_;
}

bool FaultyFileSystem::meets(Kind kind, StorageFault& fault, IOStatus& status) {
    const std::lock_guard lock(mutex_);
    fault = fault_;
    if (is_off_) {
        fault = StorageFault::power_loss;
        status = power_is_off();
        return true;
    }
    const bool is_read = fault_ == StorageFault::read_error || fault_ == StorageFault::wrong_read;
    const bool is_append =
        fault_ == StorageFault::short_write || fault_ == StorageFault::wrong_write;
    const bool can = is_read     ? kind == Kind::read
                     : is_append ? kind == Kind::append
                                 : kind != Kind::read;
    if (!can || fail_in_ == 0 || --fail_in_ != 0) return false;
    happened_ = true;
    is_off_ = fault_ == StorageFault::power_loss;
    status = is_off_                              ? power_is_off()
             : fault_ == StorageFault::no_space    ? IOStatus::NoSpace("no space left on device")
                                                   : IOStatus::IOError("input/output error");
    return true;
}

IOStatus FaultyFileSystem::begin_change() {
    StorageFault fault{};
    IOStatus status;
    return meets(Kind::change, fault, status) ? status : IOStatus::OK();
}

std::string FaultyFileSystem::bury(const std::string& path) {
    std::error_code error;
    if (!fs::exists(path, error)) return {};
    const std::string kept = (graveyard_ / std::to_string(++buried_)).string();
    fs::create_hard_link(path, kept, error);
    return error ? std::string() : kept;
}

void FaultyFileSystem::changed_name(NameChange change) { names_.push_back(std::move(change)); }

void FaultyFileSystem::undo(const NameChange& change) {
    std::error_code none;
    if (change.from.empty()) {
        fs::remove(change.to, none);
    } else if (!change.to.empty()) {
        fs::rename(change.to, change.from, none);
    }
    if (change.kept.empty()) return;
    fs::rename(change.kept, change.to.empty() ? change.from : change.to, none);
}

void FaultyFileSystem::lose_unsynced(const std::string& path, const Written& written,
                                     std::uint64_t chance) {
    std::error_code error;
    const std::uint64_t size = fs::file_size(path, error);
    if (error || size <= written.synced) return;
    const std::uint64_t kept = written.synced + chance / 4 % (size - written.synced + 1);
    if (chance % 4 == 0) return;  // the system had written it by itself
    fs::resize_file(path, chance % 4 == 1 ? written.synced : kept, error);
    if (chance % 4 == 3) fs::resize_file(path, size, error);  // its length was kept, not its bytes
}

void FaultyFileSystem::power_on(std::uint64_t seed) {
    const std::lock_guard lock(mutex_);
    std::mt19937_64 chance(seed);
    for (const auto& [path, written] : files_) lose_unsynced(path, written, chance());
    const std::size_t kept = names_.empty() ? 0 : chance() % (names_.size() + 1);
    while (names_.size() > kept) {
        undo(names_.back());
        names_.pop_back();
    }
    names_.clear();
    files_.clear();
    is_off_ = false;
    fail_in_ = 0;
}

void FaultyFileSystem::appended(const std::string& path, std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    files_[path].size += bytes;
}

void FaultyFileSystem::synced(const std::string& path) {
    const std::lock_guard lock(mutex_);
    Written& written = files_[path];
    written.synced = written.size;
}

void FaultyFileSystem::synced_names(const std::string& directory) {
    const std::lock_guard lock(mutex_);
    std::erase_if(names_, [&](const NameChange& change) {
        const std::string& name = change.to.empty() ? change.from : change.to;
        return fs::path(name).parent_path() == fs::path(directory);
    });
}

IOStatus FaultyFileSystem::NewSequentialFile(const std::string& path, const FileOptions& options,
                                             std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                             IODebugContext* debug) {
    if (is_off()) return power_is_off();
    const IOStatus status = target()->NewSequentialFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<FaultySequential>(*this, std::move(*file));
    return status;
}

IOStatus FaultyFileSystem::NewRandomAccessFile(const std::string& path, const FileOptions& options,
                                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                               IODebugContext* debug) {
    if (is_off()) return power_is_off();
    const IOStatus status = target()->NewRandomAccessFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<FaultyRandomAccess>(*this, std::move(*file));
    return status;
}

IOStatus FaultyFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                                           IODebugContext* debug) {
    const IOStatus begun = begin_change();
    if (!begun.ok()) return begun;
    std::string kept;
    {
        // What stands there is cut by opening it: it goes on under another name, as before.
        const std::lock_guard lock(mutex_);
        kept = bury(path);
        std::error_code none;
        if (!kept.empty()) fs::remove(path, none);
    }
    const IOStatus status = target()->NewWritableFile(path, options, file, debug);
    if (!status.ok()) return status;
    {
        const std::lock_guard lock(mutex_);
        files_[path] = {};
        changed_name({"", path, kept});
    }
    *file = std::make_unique<FaultyWritable>(*this, path, std::move(*file));
    return status;
}

IOStatus FaultyFileSystem::ReopenWritableFile(const std::string& path, const FileOptions& options,
                                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                                              IODebugContext* debug) {
    const IOStatus begun = begin_change();
    if (!begun.ok()) return begun;
    const IOStatus status = target()->ReopenWritableFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<FaultyWritable>(*this, path, std::move(*file));
    return status;
}

IOStatus FaultyFileSystem::NewDirectory(const std::string& path, const IOOptions& options,
                                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                                        IODebugContext* debug) {
    if (is_off()) return power_is_off();
    const IOStatus status = target()->NewDirectory(path, options, directory, debug);
    if (status.ok())
        *directory = std::make_unique<FaultyDirectory>(*this, path, std::move(*directory));
    return status;
}

IOStatus FaultyFileSystem::GetChildren(const std::string& path, const IOOptions& options,
                                       std::vector<std::string>* children, IODebugContext* debug) {
    if (is_off()) return power_is_off();
    return target()->GetChildren(path, options, children, debug);
}

IOStatus FaultyFileSystem::DeleteFile(const std::string& path, const IOOptions& options,
                                      IODebugContext* debug) {
    const IOStatus begun = begin_change();
    if (!begun.ok()) return begun;
    const std::lock_guard lock(mutex_);
    const std::string kept = bury(path);
    const IOStatus status = target()->DeleteFile(path, options, debug);
    if (status.ok()) changed_name({path, "", kept});
    return status;
}

IOStatus FaultyFileSystem::RenameFile(const std::string& from, const std::string& to,
                                      const IOOptions& options, IODebugContext* debug) {
    const IOStatus begun = begin_change();
    if (!begun.ok()) return begun;
    const std::lock_guard lock(mutex_);
    const std::string kept = bury(to);
    const IOStatus status = target()->RenameFile(from, to, options, debug);
    if (!status.ok()) return status;
    if (const auto file = files_.extract(from)) files_[to] = file.mapped();
    changed_name({from, to, kept});
    return status;
}

IOStatus FaultyFileSystem::LinkFile(const std::string& from, const std::string& to,
                                    const IOOptions& options, IODebugContext* debug) {
    const IOStatus begun = begin_change();
    if (!begun.ok()) return begun;
    const IOStatus status = target()->LinkFile(from, to, options, debug);
    if (!status.ok()) return status;
    const std::lock_guard lock(mutex_);
    if (const auto file = files_.find(from); file != files_.end()) files_[to] = file->second;
    changed_name({"", to, ""});
    return status;
}

}  // namespace vouch::test
