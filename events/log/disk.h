#pragma once

#include "events/log/log.h"

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vouch {

/// What a system call gave back: a value, or the errno of its failure.
struct CallResult {
    std::int64_t value = 0;
    int error = 0;

    explicit operator bool() const { return error == 0; }
};

/// The system calls that logs make on files, one by one, so that tests can fail each of them,
/// tear a write, or lose what was not synced. Arguments and errors are those of the call of that
/// name. Any thread.
class Disk {
public:
    virtual ~Disk() = default;

    virtual CallResult open(const std::string& path, int flags, unsigned mode) = 0;
    virtual void close(int fd) = 0;
    /// Bytes in the file.
    virtual CallResult size(int fd) = 0;
    virtual CallResult pread(int fd, void* into, std::size_t size, std::uint64_t offset) = 0;
    virtual CallResult pwritev(int fd, const iovec* pieces, int count, std::uint64_t offset) = 0;
    virtual CallResult fdatasync(int fd) = 0;
    virtual CallResult fsync(int fd) = 0;
    /// posix_fallocate from byte 0.
    virtual CallResult allocate(int fd, std::uint64_t size) = 0;
    virtual CallResult truncate(int fd, std::uint64_t size) = 0;
    /// flock(LOCK_EX | LOCK_NB).
    virtual CallResult lock(int fd) = 0;
    /// flock(LOCK_SH | LOCK_NB).
    virtual CallResult lock_shared(int fd) = 0;
    virtual CallResult rename(const std::string& from, const std::string& to) = 0;
    virtual CallResult make_directory(const std::string& path) = 0;
    /// Appends the names in a directory to `names`, in any order.
    virtual CallResult list(const std::string& path, std::vector<std::string>& names) = 0;
    /// Bytes that the file system of a path has free for this process.
    virtual CallResult free_bytes(const std::string& path) = 0;
    /// 64 bits that nobody can guess.
    virtual std::uint64_t random() = 0;
};

/// The machine's own.
Disk& system_disk();

/// An open file; closed with the object. Any thread may read and write at places that nobody else
/// writes meanwhile.
class File {
public:
    File(Disk& disk, int fd, std::string path) : disk_(&disk), fd_(fd), path_(std::move(path)) {}
    File(File&& other) noexcept
        : disk_(other.disk_),
          fd_(std::exchange(other.fd_, -1)),
          path_(std::move(other.path_)),
          is_in_making_(other.is_in_making_) {}
    File& operator=(File&& other) noexcept;
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File();

    /// `storage` naming call, path and error. Directories open with O_DIRECTORY too.
    static Result<File> open(Disk& disk, std::string path, int flags);
    /// An empty file under a name that nothing rests on, written over if it is there. Until it gets
    /// its own name, what fails for want of room is `retriable`: it can be made again.
    static Result<File> make(Disk& disk, std::string path);

    const std::string& path() const { return path_; }

    /// All of `into`, whatever the call hands out at a time; `corrupt` when the file ends before.
    Status read(std::span<std::byte> into, std::uint64_t offset) const;
    /// Everything in `pieces`, in order; they are used up while writing. `storage` on failure, and
    /// then any part of it may have been written.
    Status write(std::span<iovec> pieces, std::uint64_t offset) const;
    Status write(ByteView bytes, std::uint64_t offset) const;
    Status fdatasync() const;
    Status fsync() const;
    Status allocate(std::uint64_t size) const;
    Result<std::uint64_t> size() const;
    /// True when this process now holds the file's lock, until it is closed.
    Result<bool> lock() const;
    /// The same beside others that share it.
    Result<bool> lock_shared() const;
    Status truncate(std::uint64_t size) const;
    /// Gives a file that was made its own name, which is durable with its directory.
    Status rename(const std::string& path);

private:
    Fault fault(const char* call, int error) const;
    Result<bool> lock_by(CallResult (Disk::*call)(int)) const;

    Disk* disk_;
    int fd_;
    std::string path_;
    bool is_in_making_ = false;
};

/// "fdatasync of log/00000003.segment failed: Input/output error (errno 5)".
Fault storage_fault(const char* call, const std::string& path, int error);

/// Makes the names in a directory durable.
Status sync_directory(Disk& disk, const std::string& path);

}  // namespace vouch
