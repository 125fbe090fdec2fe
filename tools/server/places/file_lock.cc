#include "tools/server/places/file_lock.h"

#include "tools/terminal/say.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>

namespace vouch::places {

namespace {

constexpr std::chrono::milliseconds kLockPoll{20};
/// Questions hold locks for moments; a wait that is longer is told.
constexpr std::chrono::milliseconds kUntoldWaitMax{200};

}  // namespace

Result<FileLock> FileLock::take(const std::filesystem::path& file,
                                std::chrono::milliseconds wait_max, const std::string& taken) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return Fault{FaultCode::storage,
                     file.string() + ": " + std::generic_category().message(errno)};
    }
    FileLock lock(fd);
    const auto began = std::chrono::steady_clock::now();
    bool is_told = wait_max <= kUntoldWaitMax;
    while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return Fault{FaultCode::storage,
                         file.string() + ": " + std::generic_category().message(errno)};
        }
        const auto waited = std::chrono::steady_clock::now() - began;
        if (waited >= wait_max) return Fault{FaultCode::retriable, taken};
        if (waited >= kUntoldWaitMax && !std::exchange(is_told, true)) {
            const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait_max);
            terminal::say(file.string() +
                          " is locked by another process; waiting for it, at most " +
                          std::to_string(seconds.count()) + " s");
        }
        std::this_thread::sleep_for(kLockPoll);
    }
    return lock;
}

FileLock::~FileLock() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace vouch::places
