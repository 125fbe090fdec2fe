// How near does the embedded log come to the disk? Commits of 900 kB, four in flight, and lone
// commits of 400 bytes, each beside plain pwrite + fdatasync of the same bytes to a file made for
// it.
//
// Estimate: a commit of 900 kB is one copy into the page cache (0.2 ms) and one sync (0.3 to 0.7
// ms); four in flight share syncs, so the log should reach the raw rate. A lone commit adds two
// switches between threads to one sync.
//
// usage: log_bench DIRECTORY [MEGABYTES]      on the file system to measure; needs thrice the space

#include "events/log/embedded/embedded_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using namespace vouch;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kLargeBytes = 900'000;
constexpr std::size_t kSmallBytes = 400;
constexpr std::size_t kInFlight = 4;
constexpr int kLoneCommits = 2000;
constexpr int kRounds = 3;

void require(bool condition, const std::string& what) {
    if (condition) return;
    std::fprintf(stderr, "log_bench: %s\n", what.c_str());
    std::exit(70);
}

double microseconds_since(SteadyClock::time_point start) {
    return std::chrono::duration<double, std::micro>(SteadyClock::now() - start).count();
}

struct Measured {
    double seconds = 0;
    std::vector<double> latencies_us;

    double quantile(double q) {
        std::sort(latencies_us.begin(), latencies_us.end());
        return latencies_us[static_cast<std::size_t>(q *
                                                     static_cast<double>(latencies_us.size() - 1))];
    }
};

/// pwrite + fdatasync, one after the other. `written_ahead`: the file was full of zeros before.
Measured raw(const std::string& path, int count, ByteView bytes, bool written_ahead) {
    Files& disk = system_files();
    Result<File> file = File::open(disk, path, O_RDWR | O_CREAT | O_TRUNC);
    require(bool(file), "cannot make " + path);
    const std::uint64_t size = bytes.size() * static_cast<std::uint64_t>(count);
    require(bool(file->allocate(size)), "no space for " + path);
    if (written_ahead) {
        const Bytes zeros(1 << 20);
        for (std::uint64_t at = 0; at < size; at += zeros.size()) {
            const std::uint64_t step = std::min<std::uint64_t>(zeros.size(), size - at);
            require(bool(file->write(ByteView(zeros).first(step), at)), "cannot write " + path);
        }
    }
    require(bool(file->fsync()), "cannot sync " + path);
    Measured measured;
    const auto start = SteadyClock::now();
    for (int i = 0; i < count; ++i) {
        const auto begin = SteadyClock::now();
        require(bool(file->write(bytes, bytes.size() * static_cast<std::uint64_t>(i))), "write");
        require(bool(file->fdatasync()), "fdatasync");
        measured.latencies_us.push_back(microseconds_since(begin));
    }
    measured.seconds = microseconds_since(start) / 1e6;
    std::filesystem::remove(path);
    return measured;
}

/// Commits with `in_flight` at a time; latency from commit to durable.
Measured logged(const std::string& directory, int count, ByteView bytes, std::size_t in_flight) {
    EmbeddedLogOptions options;
    options.directory = directory;
    options.shard_count = 1;
    Result<std::unique_ptr<EmbeddedLog>> log = EmbeddedLog::open(options);
    require(bool(log), log ? "" : log.error().message);
    const ShardId shard(0);
    const Term term(1);
    require(bool((*log)->acquire(shard, term)), "acquire");
    Measured measured;
    std::deque<std::pair<CommitTicket, SteadyClock::time_point>> flying;
    const auto land = [&] {
        require(bool((*log)->await(flying.front().first)), "await");
        measured.latencies_us.push_back(microseconds_since(flying.front().second));
        flying.pop_front();
    };
    const auto start = SteadyClock::now();
    for (int i = 0; i < count; ++i) {
        if (flying.size() == in_flight) land();
        const auto begin = SteadyClock::now();
        const auto ticket = (*log)->commit(
            shard, term,
            Commit{RecordNumber(static_cast<std::uint64_t>(i)), std::span(&bytes, 1), {}});
        require(bool(ticket), ticket ? "" : ticket.error().message);
        flying.emplace_back(*ticket, begin);
    }
    while (!flying.empty()) land();
    measured.seconds = microseconds_since(start) / 1e6;
    log->reset();
    std::filesystem::remove_all(directory);
    return measured;
}

void print(const char* what, Measured measured, std::size_t bytes) {
    const auto count = static_cast<double>(measured.latencies_us.size());
    std::printf("  %-38s %8.0f MB/s %8.0f a second   p50 %7.0f us   p99 %7.0f us\n", what,
                count * static_cast<double>(bytes) / measured.seconds / 1e6,
                count / measured.seconds, measured.quantile(0.5), measured.quantile(0.99));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: log_bench DIRECTORY [MEGABYTES]\n");
        return 2;
    }
    const std::string directory = argv[1];
    const std::size_t megabytes = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 500;
    const int large_count = static_cast<int>(megabytes * 1'000'000 / kLargeBytes);
    Bytes bytes(kLargeBytes);
    std::uint32_t state = 1;
    for (std::byte& b : bytes)
        b = static_cast<std::byte>((state = state * 1664525 + 1013904223) >> 24);
    const ByteView small = ByteView(bytes).first(kSmallBytes);
    const std::string file = directory + "/log_bench.raw";
    const std::string log = directory + "/log_bench.log";
    std::filesystem::remove_all(log);
    for (int round = 1; round <= kRounds; ++round) {
        std::printf("round %d: %d commits of %zu bytes\n", round, large_count, kLargeBytes);
        print("raw, allocated file", raw(file, large_count, bytes, false), kLargeBytes);
        print("raw, file written ahead", raw(file, large_count, bytes, true), kLargeBytes);
        print("log, 4 in flight", logged(log, large_count, bytes, kInFlight), kLargeBytes);
        print("log, 1 in flight", logged(log, large_count, bytes, 1), kLargeBytes);
        std::printf("round %d: %d lone commits of %zu bytes\n", round, kLoneCommits, kSmallBytes);
        print("raw, allocated file", raw(file, kLoneCommits, small, false), kSmallBytes);
        print("raw, file written ahead", raw(file, kLoneCommits, small, true), kSmallBytes);
        print("log", logged(log, kLoneCommits, small, 1), kSmallBytes);
    }
    return 0;
}
