// Loaded before a program (LD_PRELOAD): ends it by SIGKILL at a chosen call of those that a commit
// consists of, so that an unchanged program can be killed within one. Settings, in the environment:
//
//   VOUCH_KILL_CALL  pwritev or fdatasync, of a file of the embedded log;
//                    begin, send_offsets or end, of a Kafka transaction
//   VOUCH_KILL_AT    which of these calls, from 1
//   VOUCH_KILL_WHEN  before: nothing of the call has happened; after: all of it, but the program
//                    does not know; during: pwritev has written the first half, any other call has
//                    been under way for VOUCH_KILL_US microseconds (500)
//
// Without VOUCH_KILL_CALL nothing happens. Calls are counted over all threads.

#include <dlfcn.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace {

enum class When { before, during, after };

std::string setting(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

long number(const char* name, long otherwise) {
    const std::string text = setting(name);
    return text.empty() ? otherwise : std::strtol(text.c_str(), nullptr, 10);
}

struct Settings {
    const std::string call = setting("VOUCH_KILL_CALL");
    const long at = number("VOUCH_KILL_AT", 1);
    const long during_us = number("VOUCH_KILL_US", 500);
    const When when = setting("VOUCH_KILL_WHEN") == "before"  ? When::before
                      : setting("VOUCH_KILL_WHEN") == "after" ? When::after
                                                              : When::during;
};

const Settings& settings() {
    static const Settings the_settings;
    return the_settings;
}

[[noreturn]] void die() {
    // Whoever started the program counts these lines: this kill was one within a commit.
    constexpr std::string_view kLine = "killed within a commit\n";
    (void)!::write(STDERR_FILENO, kLine.data(), kLine.size());
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
}

/// True for the one call that the settings mean.
bool is_meant(std::string_view call) {
    static std::atomic<long> count{0};
    return settings().call == call && ++count == settings().at;
}

/// The kernel kills the program in a while, wherever it is then.
void die_soon() {
    constexpr std::string_view kLine = "killed within a commit\n";
    (void)!::write(STDERR_FILENO, kLine.data(), kLine.size());
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGKILL;
    timer_t timer{};
    itimerspec time{};
    time.it_value.tv_sec = settings().during_us / 1'000'000;
    time.it_value.tv_nsec = settings().during_us % 1'000'000 * 1'000 + 1;
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) die();
    if (::timer_settime(timer, 0, &time, nullptr) != 0) die();
}

/// `call`, with the kill before, during or after it when it is the one that is meant.
template <class Call>
auto around(std::string_view name, Call call) {
    const bool meant = is_meant(name);
    if (meant && settings().when == When::before) die();
    if (meant && settings().when == When::during) die_soon();
    const auto result = call();
    if (meant && settings().when == When::after) die();
    return result;
}

template <class Function>
Function next_of(const char* name) {
    void* const found = ::dlsym(RTLD_NEXT, name);
    if (found == nullptr) {
        (void)std::fprintf(stderr, "kill_within_commit: the program has no %s\n", name);
        std::abort();
    }
    return reinterpret_cast<Function>(found);
}

/// Stores beside the log sync files too; their names end otherwise.
bool is_of_log(int fd) {
    if (settings().call.empty()) return false;
    constexpr std::string_view kEnding = ".segment";
    std::array<char, 4096> path{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
    return length > 0 &&
           std::string_view(path.data(), static_cast<std::size_t>(length)).ends_with(kEnding);
}

/// The first half of what the pieces hold.
std::vector<iovec> first_half(const iovec* pieces, int count) {
    std::size_t left = 0;
    for (int i = 0; i < count; ++i) left += pieces[i].iov_len;
    left /= 2;
    std::vector<iovec> half;
    for (int i = 0; i < count && left > 0; ++i) {
        half.push_back({pieces[i].iov_base, std::min(pieces[i].iov_len, left)});
        left -= half.back().iov_len;
    }
    return half;
}

}  // namespace

extern "C" {

ssize_t pwritev(int fd, const iovec* pieces, int count, off_t offset) {
    using Function = ssize_t (*)(int, const iovec*, int, off_t);
    static const auto real = next_of<Function>("pwritev");
    if (!is_of_log(fd) || !is_meant("pwritev")) return real(fd, pieces, count, offset);
    if (settings().when == When::during) {
        const std::vector<iovec> half = first_half(pieces, count);
        (void)real(fd, half.data(), static_cast<int>(half.size()), offset);
    }
    if (settings().when == When::after) (void)real(fd, pieces, count, offset);
    die();
}

int fdatasync(int fd) {
    using Function = int (*)(int);
    static const auto real = next_of<Function>("fdatasync");
    if (!is_of_log(fd)) return real(fd);
    return around("fdatasync", [&] { return real(fd); });
}

// librdkafka's types are of no interest here: pointers and numbers are passed on.

void* rd_kafka_begin_transaction(void* producer) {
    using Function = void* (*)(void*);
    static const auto real = next_of<Function>("rd_kafka_begin_transaction");
    return around("begin", [&] { return real(producer); });
}

void* rd_kafka_send_offsets_to_transaction(void* producer, const void* offsets, const void* group,
                                           int timeout_ms) {
    using Function = void* (*)(void*, const void*, const void*, int);
    static const auto real = next_of<Function>("rd_kafka_send_offsets_to_transaction");
    return around("send_offsets", [&] { return real(producer, offsets, group, timeout_ms); });
}

void* rd_kafka_commit_transaction(void* producer, int timeout_ms) {
    using Function = void* (*)(void*, int);
    static const auto real = next_of<Function>("rd_kafka_commit_transaction");
    return around("end", [&] { return real(producer, timeout_ms); });
}

}  // extern "C"
