#include "tests/simulation/driver_process.h"

#include "events/check.h"
#include "tests/support/text_of_file.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

extern char** environ;

namespace vouch::test {

DriverProcess::DriverProcess(const std::filesystem::path& directory, const std::string& source,
                             std::uint64_t batches, bool follows)
    : complaints_(directory / "complaints") {
    std::array<int, 2> ends{};
    VOUCH_ASSERT(::pipe2(ends.data(), O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, complaints_.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
    std::vector<std::string> arguments{VOUCH_KILL_DRIVER, directory.string(), source,
                                       std::to_string(batches)};
    if (follows) arguments.push_back("views");
    std::vector<char*> pointers;
    for (std::string& each : arguments) pointers.push_back(each.data());
    pointers.push_back(nullptr);
    VOUCH_ASSERT(
        ::posix_spawn(&pid_, VOUCH_KILL_DRIVER, &actions, nullptr, pointers.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    pipe_ = ends[0];
}

DriverProcess::~DriverProcess() {
    if (pid_ > 0) kill();
    ::close(pipe_);
}

/// False at the end of the pipe.
bool DriverProcess::read_some() {
    std::array<char, 64 * 1024> buffer;
    const ssize_t got = ::read(pipe_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) return true;
    VOUCH_ASSERT(got >= 0);
    rest_.append(buffer.data(), static_cast<std::size_t>(got));
    std::size_t at = 0;
    for (; rest_.size() - at >= sizeof(Acknowledgement); at += sizeof(Acknowledgement)) {
        std::memcpy(&acknowledged_.emplace_back(), rest_.data() + at, sizeof(Acknowledgement));
    }
    rest_.erase(0, at);
    return got > 0;
}

void DriverProcess::await_acknowledged(std::size_t count) {
    while (acknowledged_.size() < count && read_some()) {
    }
}

void DriverProcess::read_for(int milliseconds) {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point end = Clock::now() + std::chrono::milliseconds(milliseconds);
    while (true) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
        pollfd waiting{pipe_, POLLIN, 0};
        if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) <= 0 || !read_some()) return;
    }
}

void DriverProcess::kill() {
    ::kill(pid_, SIGKILL);
    while (read_some()) {
    }
    reap();
}

int DriverProcess::await_end() {
    while (read_some()) {
    }
    return reap();
}

int DriverProcess::reap() {
    int status = 0;
    VOUCH_ASSERT(::waitpid(pid_, &status, 0) == pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string DriverProcess::complaints() const {
    return text_of_file(complaints_);
}

}  // namespace vouch::test
