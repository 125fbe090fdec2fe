#include "tests/support/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace vouch::test {

namespace {

namespace fs = std::filesystem;

int mount_disk(const fs::path& path, const std::string& size) {
    return ::mount("tmpfs", path.c_str(), "tmpfs", 0, ("size=" + size).c_str());
}

/// Makes this process, as long as it has one thread, root of a namespace that nobody else is in.
bool enter_namespace() {
    const std::string user = std::to_string(::getuid());
    const std::string group = std::to_string(::getgid());
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    const auto write = [](const char* file, const std::string& text) {
        return static_cast<bool>(std::ofstream(file) << text << std::flush);
    };
    return write("/proc/self/setgroups", "deny") &&
           write("/proc/self/uid_map", "0 " + user + " 1") &&
           write("/proc/self/gid_map", "0 " + group + " 1");
}

}  // namespace

SmallDisk::SmallDisk(const fs::path& where, const std::string& size) : path_(where) {
    fs::create_directory(path_);
    int result = mount_disk(path_, size);
    if (result != 0 && errno == EPERM && enter_namespace()) result = mount_disk(path_, size);
    is_mounted_ = result == 0;
    if (!is_mounted_) reason_ = std::string("SKIPPED, no small disk can be mounted: ") + std::strerror(errno);
}

SmallDisk::~SmallDisk() {
    if (is_mounted_) ::umount2(path_.c_str(), MNT_DETACH);
}

bool SmallDisk::fill(std::uint64_t left) {
    // Others may write meanwhile: what was free when it was looked at is not when it is taken.
    constexpr int kTriesMax = 1000;
    const int fd = ::open((path_ / "filler").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    bool is_full = false;
    for (int i = 0; i < kTriesMax && !is_full; ++i) {
        struct statvfs status {};
        if (::fstatvfs(fd, &status) != 0) break;
        const std::uint64_t free = status.f_bavail * status.f_frsize;
        is_full = free <= left || ::posix_fallocate(fd, ::lseek(fd, 0, SEEK_END),
                                                    static_cast<off_t>(free - left)) == 0;
    }
    ::close(fd);
    return is_full;
}

void SmallDisk::make_room() { fs::remove(path_ / "filler"); }

}  // namespace vouch::test
