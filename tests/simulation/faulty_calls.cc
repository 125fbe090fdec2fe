// The calls that a program makes on its files, of which one goes wrong; put before the C library by
// LD_PRELOAD (place_faults.py). From the environment:
//
//   VOUCH_FAULT_UNDER  the directory whose files count; those of RocksDB do not
//   VOUCH_FAULT_KIND   error, no_space, short_write, wrong_write, kill, power_loss, read_error,
//                      short_read, wrong_read
//   VOUCH_FAULT_AT     at which call that such a fault can befall (1: the first)
//   VOUCH_FAULT_MET    a file that is made when it was met: the call and the path

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

enum class Call : std::uint8_t { change, write, read };

std::string setting(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

/// What stood where something was written, of as many bytes; zeros where nothing did.
struct Before {
    off_t offset;
    std::string bytes;
};

/// Made at the first call, which may be before this library's own start, and never taken away.
struct Plan {
    const std::string under = setting("VOUCH_FAULT_UNDER");
    const std::string kind = setting("VOUCH_FAULT_KIND");
    const std::string met = setting("VOUCH_FAULT_MET");
    const std::uint64_t at = std::strtoull(setting("VOUCH_FAULT_AT").c_str(), nullptr, 10);
    const Call befalls = kind.ends_with("_write")  ? Call::write
                         : kind.ends_with("_read") ? Call::read
                         : kind == "read_error"    ? Call::read
                                                   : Call::change;
    std::atomic<std::uint64_t> calls{0};
    std::mutex mutex;
    std::map<std::string, std::vector<Before>> unsynced;  ///< by path, in order
};

Plan& plan() {
    static Plan* const made = new Plan;
    return *made;
}

template <class Function>
Function real(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

std::string path_of(int fd) {
    std::array<char, 4096> text;
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t size = ::readlink(link.c_str(), text.data(), text.size());
    return size < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
}

/// With the directory that it is told from; the program's own is none of those that count.
std::string path_at(int directory, const char* path) {
    if (path[0] == '/' || directory == AT_FDCWD) return path;
    return path_of(directory) + "/" + path;
}

bool counts(std::string_view path) {
    const std::string& under = plan().under;
    return !under.empty() && path.starts_with(under) &&
           path.find("/store/") == std::string_view::npos && !path.ends_with("/store") &&
           path.find("/views/") == std::string_view::npos;
}

void note(std::string_view call, std::string_view path) {
    const std::string text = std::string(call) + " " + std::string(path) + "\n";
    const int fd = real<int (*)(const char*, int, ...)>("open")(plan().met.c_str(),
                                                                O_WRONLY | O_CREAT, 0600);
    (void)real<ssize_t (*)(int, const void*, size_t)>("write")(fd, text.data(), text.size());
    real<int (*)(int)>("close")(fd);
}

int open_now(const std::string& path, int flags) {
    return real<int (*)(const char*, int, ...)>("open")(path.c_str(), flags);
}

/// The machine lost its power: lengths are there, bytes that were not synced are those of before.
void lose_unsynced() {
    const std::lock_guard lock(plan().mutex);
    for (const auto& [path, writes] : plan().unsynced) {
        const int fd = open_now(path, O_WRONLY);
        if (fd < 0) continue;
        for (auto write = writes.rbegin(); write != writes.rend(); ++write) {
            (void)real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite")(
                fd, write->bytes.data(), write->bytes.size(), write->offset);
        }
    }
}

/// Whether this call is the one; one that ends the process does not return.
bool is_met(Call call, std::string_view name, const std::string& path) {
    Plan& now = plan();
    const bool fits = call == now.befalls || (now.befalls == Call::change && call == Call::write);
    if (!fits || !counts(path) || ++now.calls != now.at) return false;
    note(name, path);
    if (now.kind == "power_loss") lose_unsynced();
    if (now.kind == "power_loss" || now.kind == "kill") ::_exit(137);
    return true;
}

int error() { return plan().kind == "no_space" ? ENOSPC : EIO; }

bool fails(std::string_view name, const std::string& path) {
    if (!is_met(Call::change, name, path)) return false;
    errno = error();
    return true;
}

void will_write(const std::string& path, off_t offset, size_t size) {
    if (plan().kind != "power_loss" || !counts(path)) return;
    Before before{offset, std::string(size, '\0')};
    if (const int fd = open_now(path, O_RDONLY); fd >= 0) {
        (void)real<ssize_t (*)(int, void*, size_t, off_t)>("pread")(fd, before.bytes.data(), size,
                                                                   offset);
        real<int (*)(int)>("close")(fd);
    }
    const std::lock_guard lock(plan().mutex);
    plan().unsynced[path].push_back(std::move(before));
}

void synced(const std::string& path) {
    const std::lock_guard lock(plan().mutex);
    plan().unsynced.erase(path);
}

/// `write` writes so many of the bytes.
template <class Write>
ssize_t write_some(const char* name, int fd, off_t at, std::string& bytes, Write write) {
    const std::string path = path_of(fd);
    const size_t size = bytes.size();
    if (is_met(Call::write, name, path)) {
        if (plan().kind == "short_write") return write(size > 1 ? size / 2 : size);
        if (plan().kind != "wrong_write") {
            errno = error();
            return -1;
        }
        // Of a group of frames the middle is padding.
        if (size > 0) bytes[std::min<size_t>(size / 2, 150)] ^= 1;
    }
    will_write(path, at, size);
    return write(size);
}

template <class Read>
ssize_t read_some(const char* name, int fd, void* into, size_t size, Read read) {
    if (!is_met(Call::read, name, path_of(fd))) return read(size);
    if (plan().kind == "read_error") {
        errno = EIO;
        return -1;
    }
    if (plan().kind == "short_read") return read(size > 1 ? size / 2 : size);
    const ssize_t got = read(size);
    if (got > 0) static_cast<char*>(into)[got / 2] ^= 1;
    return got;
}

int open_at(int directory, const char* path, int flags, mode_t mode) {
    using Open = int (*)(int, const char*, int, ...);
    if ((flags & O_CREAT) != 0 && fails("open", path_at(directory, path))) return -1;
    return real<Open>("openat")(directory, path, flags, mode);
}

mode_t mode_of(int flags, va_list list) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
}

ssize_t write_pieces(const char* name, int fd, const iovec* pieces, int count, off_t offset) {
    std::string bytes;
    for (int i = 0; i < count; ++i)
        bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
    const off_t at = offset < 0 ? std::max<off_t>(::lseek(fd, 0, SEEK_CUR), 0) : offset;
    return write_some(name, fd, at, bytes, [&](size_t size) {
        if (offset < 0)
            return real<ssize_t (*)(int, const void*, size_t)>("write")(fd, bytes.data(), size);
        return real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite")(fd, bytes.data(), size,
                                                                           offset);
    });
}

}  // namespace

// The declarations of the C library promise more of some (noexcept, nonnull) than is told here.
#define VOUCH_OPEN(NAME)                                        \
    int NAME(const char* path, int flags, ...) {                \
        va_list list;                                           \
        va_start(list, flags);                                  \
        const mode_t mode = mode_of(flags, list);               \
        va_end(list);                                           \
        return open_at(AT_FDCWD, path, flags, mode);            \
    }
#define VOUCH_OPENAT(NAME)                                      \
    int NAME(int directory, const char* path, int flags, ...) { \
        va_list list;                                           \
        va_start(list, flags);                                  \
        const mode_t mode = mode_of(flags, list);               \
        va_end(list);                                           \
        return open_at(directory, path, flags, mode);           \
    }

extern "C" {

VOUCH_OPEN(open)
VOUCH_OPEN(open64)
VOUCH_OPENAT(openat)
VOUCH_OPENAT(openat64)

ssize_t write(int fd, const void* bytes, size_t size) {
    const iovec piece{const_cast<void*>(bytes), size};
    return write_pieces("write", fd, &piece, 1, -1);
}
ssize_t writev(int fd, const iovec* pieces, int count) {
    return write_pieces("writev", fd, pieces, count, -1);
}
ssize_t pwritev(int fd, const iovec* pieces, int count, off_t offset) {
    return write_pieces("pwritev", fd, pieces, count, offset);
}
ssize_t pwritev64(int fd, const iovec* pieces, int count, off64_t offset) {
    return write_pieces("pwritev", fd, pieces, count, offset);
}
ssize_t read(int fd, void* into, size_t size) {
    return read_some("read", fd, into, size, [&](size_t some) {
        return real<ssize_t (*)(int, void*, size_t)>("read")(fd, into, some);
    });
}
ssize_t pread(int fd, void* into, size_t size, off_t offset) {
    return read_some("pread", fd, into, size, [&](size_t some) {
        return real<ssize_t (*)(int, void*, size_t, off_t)>("pread")(fd, into, some, offset);
    });
}
ssize_t pread64(int fd, void* into, size_t size, off64_t offset) {
    return pread(fd, into, size, offset);
}

#define VOUCH_ON_FILE(NAME, PARAMETERS, ARGUMENTS)                             \
    int NAME PARAMETERS {                                                      \
        if (fails(#NAME, path_of(fd))) return -1;                              \
        return real<int(*) PARAMETERS>(#NAME) ARGUMENTS;                       \
    }
VOUCH_ON_FILE(ftruncate, (int fd, off_t size), (fd, size))
VOUCH_ON_FILE(ftruncate64, (int fd, off64_t size), (fd, size))
VOUCH_ON_FILE(fchmod, (int fd, mode_t mode), (fd, mode))
#define VOUCH_SYNC(NAME)                                                       \
    int NAME(int fd) {                                                         \
        const std::string path = path_of(fd);                                  \
        if (fails(#NAME, path)) return -1;                                     \
        synced(path);                                                          \
        return real<int (*)(int)>(#NAME)(fd);                                  \
    }
VOUCH_SYNC(fsync)
VOUCH_SYNC(fdatasync)

// These give back the error.
int posix_fallocate(int fd, off_t offset, off_t size) {
    if (is_met(Call::change, "posix_fallocate", path_of(fd))) return error();
    return real<int (*)(int, off_t, off_t)>("posix_fallocate")(fd, offset, size);
}
int posix_fallocate64(int fd, off64_t offset, off64_t size) {
    return posix_fallocate(fd, offset, size);
}

#define VOUCH_ON_NAME(NAME, PARAMETERS, ARGUMENTS, PATH) \
    int NAME PARAMETERS noexcept {                       \
        if (fails(#NAME, PATH)) return -1;               \
        return real<int(*) PARAMETERS>(#NAME) ARGUMENTS; \
    }
VOUCH_ON_NAME(rename, (const char* from, const char* to), (from, to), to)
VOUCH_ON_NAME(link, (const char* from, const char* to), (from, to), to)
VOUCH_ON_NAME(unlink, (const char* path), (path), path)
VOUCH_ON_NAME(remove, (const char* path), (path), path)
VOUCH_ON_NAME(mkdir, (const char* path, mode_t mode), (path, mode), path)
VOUCH_ON_NAME(chmod, (const char* path, mode_t mode), (path, mode), path)
VOUCH_ON_NAME(linkat, (int old, const char* from, int fd, const char* to, int flags),
              (old, from, fd, to, flags), path_at(fd, to))
VOUCH_ON_NAME(unlinkat, (int fd, const char* path, int flags), (fd, path, flags),
              path_at(fd, path))
VOUCH_ON_NAME(fchmodat, (int fd, const char* path, mode_t mode, int flags),
              (fd, path, mode, flags), path_at(fd, path))

}  // extern "C"
