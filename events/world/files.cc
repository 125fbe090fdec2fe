#include "events/world/files.h"

#include "events/world/random.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace vouch {
namespace {

CallResult result_of(std::int64_t value) {
    if (value < 0) return {0, errno};
    return {value, 0};
}

class SystemFiles final : public Files {
public:
    CallResult open(const std::string& path, int flags, unsigned mode) override {
        // A pipe holds nobody up, and its size is refused. Who has a lease on a file is waited for.
        const CallResult opened =
            result_of(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, mode));
        if (opened.error != EWOULDBLOCK) return opened;
        return result_of(::open(path.c_str(), flags | O_CLOEXEC, mode));
    }
    void close(int fd) override { ::close(fd); }
    CallResult size(int fd) override {
        struct stat status {};
        const CallResult done = result_of(::fstat(fd, &status));
        if (!done) return done;
        if (!S_ISREG(status.st_mode)) return {0, EISDIR};
        return {status.st_size, 0};
    }
    CallResult is_named(int fd, const std::string& path) override {
        struct stat open {};
        struct stat named {};
        if (const CallResult done = result_of(::fstat(fd, &open)); !done) return done;
        if (const CallResult done = result_of(::stat(path.c_str(), &named)); !done)
            return done.error == ENOENT ? CallResult{} : done;
        return {open.st_dev == named.st_dev && open.st_ino == named.st_ino ? 1 : 0, 0};
    }
    CallResult pread(int fd, void* into, std::size_t size, std::uint64_t offset) override {
        return result_of(::pread(fd, into, size, static_cast<off_t>(offset)));
    }
    CallResult pwritev(int fd, const iovec* pieces, int count, std::uint64_t offset) override {
        return result_of(::pwritev(fd, pieces, count, static_cast<off_t>(offset)));
    }
    CallResult fdatasync(int fd) override { return result_of(::fdatasync(fd)); }
    CallResult fsync(int fd) override { return result_of(::fsync(fd)); }
    CallResult allocate(int fd, std::uint64_t size) override {
        return {0, ::posix_fallocate(fd, 0, static_cast<off_t>(size))};
    }
    CallResult truncate(int fd, std::uint64_t size) override {
        return result_of(::ftruncate(fd, static_cast<off_t>(size)));
    }
    CallResult lock(int fd) override { return result_of(::flock(fd, LOCK_EX | LOCK_NB)); }
    CallResult lock_shared(int fd) override { return result_of(::flock(fd, LOCK_SH | LOCK_NB)); }
    CallResult mode(int fd) override {
        struct stat status {};
        const CallResult done = result_of(::fstat(fd, &status));
        return done ? CallResult{status.st_mode & 07777, 0} : done;
    }
    CallResult set_mode(int fd, unsigned mode) override { return result_of(::fchmod(fd, mode)); }
    CallResult rename(const std::string& from, const std::string& to) override {
        return result_of(std::rename(from.c_str(), to.c_str()));
    }
    CallResult link(const std::string& from, const std::string& to) override {
        return result_of(::link(from.c_str(), to.c_str()));
    }
    CallResult link_open(int fd, const std::string& to) override {
        const std::string open_file = "/proc/self/fd/" + std::to_string(fd);
        return result_of(
            ::linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW));
    }
    CallResult remove(const std::string& path) override {
        return result_of(::unlink(path.c_str()));
    }
    CallResult make_directory(const std::string& path) override {
        return result_of(::mkdir(path.c_str(), 0700));
    }
    CallResult list(const std::string& path, std::vector<std::string>& names) override {
        DIR* directory = ::opendir(path.c_str());
        if (directory == nullptr) return {0, errno};
        errno = 0;
        // readdir is safe here: no other thread has this DIR.
        while (const dirent* entry = ::readdir(directory)) {  // NOLINT(concurrency-mt-unsafe)
            names.emplace_back(entry->d_name);
            errno = 0;
        }
        const int error = errno;
        ::closedir(directory);
        return {0, error};
    }
    CallResult free_bytes(const std::string& path) override {
        struct statvfs status {};
        const CallResult done = result_of(::statvfs(path.c_str(), &status));
        if (!done) return done;
        constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
        std::uint64_t bytes = 0;
        if (__builtin_mul_overflow(status.f_bavail, status.f_frsize, &bytes)) bytes = kMost;
        return {static_cast<std::int64_t>(std::min(bytes, kMost)), 0};
    }
    std::uint64_t random() override { return random_number(); }
};

}  // namespace

Files& system_files() {
    static SystemFiles files;
    return files;
}

Fault storage_fault(const char* call, const std::string& path, int error) {
    return {FaultCode::storage, std::string(call) + " of " + path +
                                    " failed: " + std::generic_category().message(error) +
                                    " (errno " + std::to_string(error) + ")"};
}

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.find_last_of('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

bool is_there(Files& files, const std::string& path) {
    const CallResult opened = files.open(path, O_RDONLY, 0);
    if (opened) files.close(static_cast<int>(opened.value));
    return opened.error != ENOENT && opened.error != ENOTDIR;
}

Status sync_directory(Files& files, const std::string& path) {
    Result<File> directory = File::open(files, path, O_RDONLY | O_DIRECTORY);
    if (!directory) return directory.error();
    return directory->fsync();
}

Status make_directories(Files& files, const std::string& path) {
    CallResult made = files.make_directory(path);
    const std::string above = directory_of(path);
    if (made.error == ENOENT && above != path) {
        if (Status done = make_directories(files, above); !done) return done;
        made = files.make_directory(path);
    }
    if (!made && made.error != EEXIST) return storage_fault("mkdir", path, made.error);
    const Result<File> there = File::open(files, path, O_RDONLY | O_DIRECTORY);
    if (!there) return there.error();
    // Of one that was there, too: whoever made it may not have come to this.
    return sync_directory(files, above);
}

Result<std::optional<std::vector<std::byte>>> read_file(Files& files, const std::string& path) {
    using Contents = std::vector<std::byte>;
    const Result<std::optional<File>> file = File::find(files, path);
    if (!file) return file.error();
    if (!*file) return std::optional<Contents>();
    const Result<std::uint64_t> size = (*file)->size();
    if (!size) return size.error();
    Contents contents(*size);
    if (Status read = (*file)->read(contents, 0); !read) return read.error();
    return std::optional(std::move(contents));
}

Result<File> TemporaryPlace::make_file(const std::string& name) const {
    std::error_code error;
    const std::string in =
        directory.empty() ? std::filesystem::temp_directory_path(error).string() : directory;
    if (error) return storage_fault("stat", "the directory of temporary files", error.value());
    Result<File> file = File::open(*files, in + "/" + name + "-" + std::to_string(random_number()),
                                   O_RDWR | O_CREAT | O_EXCL);
    if (!file) return file;
    const CallResult removed = files->remove(file->path());
    if (!removed) return storage_fault("unlink", file->path(), removed.error);
    return file;
}

File& File::operator=(File&& other) noexcept {
    if (this != &other) {
        if (fd_ >= 0) files_->close(fd_);
        files_ = other.files_;
        fd_ = std::exchange(other.fd_, -1);
        path_ = std::move(other.path_);
        is_in_making_ = other.is_in_making_;
    }
    return *this;
}

File::~File() {
    if (fd_ >= 0) files_->close(fd_);
}

Result<File> File::open(Files& files, std::string path, int flags) {
    CallResult opened;
    do opened = files.open(path, flags, 0600);
    while (opened.error == EINTR);
    if (!opened) return storage_fault("open", path, opened.error);
    return File(files, static_cast<int>(opened.value), std::move(path));
}

Result<std::optional<File>> File::find(Files& files, std::string path, int flags) {
    CallResult opened;
    do opened = files.open(path, flags, 0);
    while (opened.error == EINTR);
    if (opened.error == ENOENT) return std::optional<File>();
    if (!opened) return storage_fault("open", path, opened.error);
    return std::optional<File>(File(files, static_cast<int>(opened.value), std::move(path)));
}

Result<File> File::make(Files& files, std::string path) {
    File file(files, -1, std::move(path));
    file.is_in_making_ = true;
    CallResult opened;
    do opened = files.open(file.path_, O_RDWR | O_CREAT | O_TRUNC, 0600);
    while (opened.error == EINTR);
    if (!opened) return file.fault("open", opened.error);
    file.fd_ = static_cast<int>(opened.value);
    return file;
}

Fault File::fault(const char* call, int error) const {
    Fault fault = storage_fault(call, path_, error);
    const bool is_full = error == ENOSPC || error == EDQUOT;
    if (is_full && is_in_making_) fault.code = FaultCode::retriable;
    return fault;
}

Status File::read(std::span<std::byte> into, std::uint64_t offset) const {
    while (!into.empty()) {
        const CallResult got = files_->pread(fd_, into.data(), into.size(), offset);
        if (got.error == EINTR) continue;
        if (!got) return fault("pread", got.error);
        if (got.value == 0) {
            return Fault{FaultCode::corrupt, path_ + " ends at byte " + std::to_string(offset) +
                                                 ", expected " + std::to_string(into.size()) +
                                                 " bytes more"};
        }
        into = into.subspan(static_cast<std::size_t>(got.value));
        offset += static_cast<std::uint64_t>(got.value);
    }
    return {};
}

Status File::write(std::span<iovec> pieces, std::uint64_t offset) const {
    while (true) {
        while (!pieces.empty() && pieces.front().iov_len == 0) pieces = pieces.subspan(1);
        if (pieces.empty()) return {};
        const std::size_t count = std::min<std::size_t>(pieces.size(), IOV_MAX);
        const CallResult put = files_->pwritev(fd_, pieces.data(), static_cast<int>(count), offset);
        if (put.error == EINTR) continue;
        if (!put) return fault("pwritev", put.error);
        if (put.value == 0) return fault("pwritev", EIO);
        offset += static_cast<std::uint64_t>(put.value);
        auto left = static_cast<std::size_t>(put.value);
        while (left > 0) {
            iovec& piece = pieces.front();
            const std::size_t step = std::min(left, piece.iov_len);
            piece.iov_base = static_cast<std::byte*>(piece.iov_base) + step;
            piece.iov_len -= step;
            left -= step;
            if (piece.iov_len == 0) pieces = pieces.subspan(1);
        }
    }
}

Status File::write(std::span<const std::byte> bytes, std::uint64_t offset) const {
    // pwritev never writes through its pieces; iovec has only one spelling for both directions.
    iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
    return write(std::span(&piece, 1), offset);
}

void File::try_write(std::span<const std::byte> bytes, std::uint64_t offset) const noexcept {
    const iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
    (void)files_->pwritev(fd_, &piece, 1, offset);
}

Status File::fdatasync() const {
    const CallResult done = files_->fdatasync(fd_);
    if (!done) return fault("fdatasync", done.error);
    return {};
}

Status File::fsync() const {
    const CallResult done = files_->fsync(fd_);
    if (!done) return fault("fsync", done.error);
    return {};
}

Status File::allocate(std::uint64_t size) const {
    CallResult done;
    do done = files_->allocate(fd_, size);
    while (done.error == EINTR);
    if (!done) return fault("posix_fallocate", done.error);
    return {};
}

Result<std::uint64_t> File::size() const {
    const CallResult done = files_->size(fd_);
    if (done.error == EISDIR) return Fault{FaultCode::corrupt, path_ + " is no file"};
    if (!done) return fault("fstat", done.error);
    return static_cast<std::uint64_t>(done.value);
}

Status File::check_named() const {
    const CallResult done = files_->is_named(fd_, path_);
    if (!done) return fault("stat", done.error);
    if (done.value == 1) return {};
    return Fault{FaultCode::corrupt,
                 path_ +
                     " was removed or put elsewhere while it was written: what was acknowledged "
                     "into it is lost unless the file comes back"};
}

Result<bool> File::lock() const { return lock_by(&Files::lock); }

Result<bool> File::lock_shared() const { return lock_by(&Files::lock_shared); }

Result<bool> File::lock_by(CallResult (Files::*call)(int)) const {
    CallResult done;
    do done = (files_->*call)(fd_);
    while (done.error == EINTR);
    if (done.error == EWOULDBLOCK) return false;
    if (!done) return fault("flock", done.error);
    return true;
}

Status File::truncate(std::uint64_t size) const {
    const CallResult done = files_->truncate(fd_, size);
    if (!done) return fault("ftruncate", done.error);
    return {};
}

Status File::name(const std::string& path) const {
    const CallResult done = files_->link_open(fd_, path);
    if (!done) return fault("link", done.error);
    return {};
}

Status File::rename(const std::string& path) {
    const CallResult done = files_->rename(path_, path);
    if (!done) return fault("rename", done.error);
    path_ = path;
    is_in_making_ = false;
    return {};
}

}  // namespace vouch
