#pragma once

#include "events/result.h"

#include <fcntl.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <optional>
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

/// The system calls on files of the log, of what a shard keeps beside it and of archives, one by
/// one, so that tests can fail each of them, tear a write, or lose what was not synced. Arguments
/// and errors are those of the call of that name. Any thread.
class Files {
public:
    virtual ~Files() = default;

    /// Never waits for what stands at the other end of a pipe.
    virtual CallResult open(const std::string& path, int flags, unsigned mode) = 0;
    virtual void close(int fd) = 0;
    /// Bytes in the file; EISDIR for what is no regular one.
    virtual CallResult size(int fd) = 0;
    /// 1 when the path names this open file, 0 when it names none or another one.
    virtual CallResult is_named(int fd, const std::string& path) = 0;
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
    /// Who may use the file, as fstat and fchmod say it: 0600.
    virtual CallResult mode(int fd) = 0;
    virtual CallResult set_mode(int fd, unsigned mode) = 0;
    virtual CallResult rename(const std::string& from, const std::string& to) = 0;
    /// Another name for a file; EEXIST when there is something of that name.
    virtual CallResult link(const std::string& from, const std::string& to) = 0;
    /// The same for an open file, which may have no name yet (O_TMPFILE).
    virtual CallResult link_open(int fd, const std::string& to) = 0;
    virtual CallResult remove(const std::string& path) = 0;
    virtual CallResult make_directory(const std::string& path) = 0;
    /// Appends the names in a directory to `names`, in any order.
    virtual CallResult list(const std::string& path, std::vector<std::string>& names) = 0;
    /// Bytes that the file system of a path has free for this process.
    virtual CallResult free_bytes(const std::string& path) = 0;
    /// 64 bits that nobody can guess.
    virtual std::uint64_t random() = 0;
};

/// The machine's own.
Files& system_files();

/// An open file; closed with the object. Any thread may read and write at places that nobody else
/// writes meanwhile.
class File {
public:
    File(Files& files, int fd, std::string path)
        : files_(&files), fd_(fd), path_(std::move(path)) {}
    File(File&& other) noexcept
        : files_(other.files_),
          fd_(std::exchange(other.fd_, -1)),
          path_(std::move(other.path_)),
          is_in_making_(other.is_in_making_) {}
    File& operator=(File&& other) noexcept;
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File();

    /// `storage` naming call, path and error. Directories open with O_DIRECTORY too.
    static Result<File> open(Files& files, std::string path, int flags);
    /// For reading; empty when there is none.
    static Result<std::optional<File>> find(Files& files, std::string path, int flags = O_RDONLY);
    /// An empty file under a name that nothing rests on, written over if it is there. Until it gets
    /// its own name, what fails for want of room is `retriable`: it can be made again.
    static Result<File> make(Files& files, std::string path);

    const std::string& path() const { return path_; }

    /// All of `into`, whatever the call hands out at a time; `corrupt` when the file ends before.
    Status read(std::span<std::byte> into, std::uint64_t offset) const;
    /// Everything in `pieces`, in order; they are used up while writing. `storage` on failure, and
    /// then any part of it may have been written.
    Status write(std::span<iovec> pieces, std::uint64_t offset) const;
    Status write(std::span<const std::byte> bytes, std::uint64_t offset) const;
    /// One call, and no word of how it went: a handler of signals may do no more.
    void try_write(std::span<const std::byte> bytes, std::uint64_t offset) const noexcept;
    Status fdatasync() const;
    Status fsync() const;
    Status allocate(std::uint64_t size) const;
    /// `corrupt` for a directory, a pipe and the like.
    Result<std::uint64_t> size() const;
    /// `corrupt` when its path names it no longer: what is written goes with the last who has it
    /// open.
    Status check_named() const;
    /// True when this process now holds the file's lock, until it is closed.
    Result<bool> lock() const;
    /// The same beside others that share it.
    Result<bool> lock_shared() const;
    Status truncate(std::uint64_t size) const;
    /// Gives an open file, which may have none, a name that nothing else has.
    Status name(const std::string& path) const;
    /// Gives a file that was made its own name, which is durable with its directory.
    Status rename(const std::string& path);

private:
    Fault fault(const char* call, int error) const;
    Result<bool> lock_by(CallResult (Files::*call)(int)) const;

    Files* files_;
    int fd_;
    std::string path_;
    bool is_in_making_ = false;
};

/// Where files go that end with their process.
struct TemporaryPlace {
    Files* files = &system_files();
    std::string directory{};  ///< empty: where the machine has its temporary files

    /// An empty one, to read and write. Its name, NAME and a number, is gone already: whatever
    /// becomes of the process, nothing is left of it.
    Result<File> make_file(const std::string& name) const;
};

/// "fdatasync of log/00000003.segment failed: Input/output error (errno 5)".
Fault storage_fault(const char* call, const std::string& path, int error);

/// The directory that a name stands in: "." for a bare one.
std::string directory_of(const std::string& path);

/// Whether there is something of this name; what cannot be looked at is there.
bool is_there(Files& files, const std::string& path);

/// Makes the names in a directory durable.
Status sync_directory(Files& files, const std::string& path);

/// Makes a directory, and those above it, durably, unless they are there.
Status make_directories(Files& files, const std::string& path);

/// All that a file holds; empty when there is none.
Result<std::optional<std::vector<std::byte>>> read_file(Files& files, const std::string& path);

}  // namespace vouch
