#include "tests/simulation/seed_players.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

// message = Front text, from a player to who started it, in the bytes of this machine

namespace vouch::test {
namespace {

constexpr std::uint64_t kNoSeed = ~std::uint64_t{0};

struct Front {
    std::uint64_t seed;
    SeedSum sum;
    std::size_t text_size;
};
static_assert(std::is_trivially_copyable_v<Front>);

/// What all players see.
struct Shared {
    std::atomic<std::uint64_t> next;
    std::array<std::atomic<std::uint64_t>, kJobsMax> at_work;  ///< the seed of each
};

/// The process ends, by SIGPROF, when it has worked for longer from now on; 0: it may go on.
void limit_processor_time(int most_seconds) {
    const itimerval limit{.it_interval = {}, .it_value = {.tv_sec = most_seconds, .tv_usec = 0}};
    (void)::setitimer(ITIMER_PROF, &limit, nullptr);
}

SeedReport play_within_limit(const PlaySeed& play, std::uint64_t seed) {
    limit_processor_time(kSeedSecondsMax);
    SeedReport report = play(seed);
    limit_processor_time(0);
    return report;
}

void write_all(int into, const void* bytes, std::size_t size) {
    const auto* at = static_cast<const char*>(bytes);
    while (size > 0) {
        const ssize_t written = ::write(into, at, size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) ::_exit(1);
        at += written;
        size -= static_cast<std::size_t>(written);
    }
}

/// A process that plays seeds, as who started it sees it.
class Player {
public:
    Player(Shared& shared, std::size_t nth) : shared_(shared), nth_(nth) {}

    void start(std::uint64_t end, const PlaySeed& play) {
        std::array<int, 2> ends{};
        (void)std::fflush(nullptr);  // or the child would print it, too
        if (::pipe(ends.data()) != 0 || (process_ = ::fork()) < 0)
            throw std::runtime_error("no process for seeds can be started");
        if (process_ == 0) {
            (void)::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
            live(ends[1], end, play);
        }
        (void)::close(ends[1]);
        pipe_ = ends[0];
        received_.clear();
    }

    bool is_alive() const { return process_ > 0; }
    int pipe() const { return pipe_; }

    /// What has come. It has ended when there is nothing.
    void receive(std::map<std::uint64_t, SeedReport>& reports) {
        std::array<char, 65'536> bytes;
        const ssize_t size = ::read(pipe_, bytes.data(), bytes.size());
        if (size < 0 && errno == EINTR) return;
        if (size <= 0) return see_end(reports);
        received_.append(bytes.data(), static_cast<std::size_t>(size));
        while (take_message(reports)) {}
    }

    void end() {
        (void)::kill(process_, SIGKILL);
        (void)wait();
    }

private:
    [[noreturn]] void live(int pipe, std::uint64_t end, const PlaySeed& play) {
        for (std::uint64_t seed = shared_.next++; seed < end; seed = shared_.next++) {
            shared_.at_work[nth_] = seed;
            const SeedReport report = play_within_limit(play, seed);
            const Front front{report.seed, report.sum, report.text.size()};
            write_all(pipe, &front, sizeof front);
            write_all(pipe, report.text.data(), report.text.size());
            shared_.at_work[nth_] = kNoSeed;
        }
        ::_exit(0);
    }

    bool take_message(std::map<std::uint64_t, SeedReport>& reports) {
        Front front;
        if (received_.size() < sizeof front) return false;
        std::memcpy(&front, received_.data(), sizeof front);
        if (received_.size() < sizeof front + front.text_size) return false;
        reports[front.seed] = {front.seed, front.sum,
                               received_.substr(sizeof front, front.text_size)};
        received_.erase(0, sizeof front + front.text_size);
        return true;
    }

    void see_end(std::map<std::uint64_t, SeedReport>& reports) {
        const int status = wait();
        const std::uint64_t seed = shared_.at_work[nth_].exchange(kNoSeed);
        if (seed == kNoSeed) return;
        const std::string how = WIFSIGNALED(status)
                                    ? "signal " + std::to_string(WTERMSIG(status))
                                    : "code " + std::to_string(WEXITSTATUS(status));
        reports[seed] = {seed,
                         {.seeds = 1, .failed = 1},
                         "seed " + std::to_string(seed) + " ended its process by " + how + "\n"};
    }

    int wait() {
        int status = 0;
        while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {}
        (void)::close(pipe_);
        process_ = 0;
        return status;
    }

    Shared& shared_;
    const std::size_t nth_;
    pid_t process_ = 0;
    int pipe_ = -1;
    std::string received_;
};

class Players {
public:
    Players(const SeedRange& seeds, std::size_t jobs, const PlaySeed& play)
        : seeds_(seeds), play_(play), due_(seeds.first) {
        void* const place = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (place == MAP_FAILED) throw std::runtime_error("no memory for seeds' processes");
        shared_ = new (place) Shared{};
        shared_->next = seeds.first;
        for (auto& each : shared_->at_work) each = kNoSeed;
        for (std::size_t i = 0; i < std::min(jobs, kJobsMax); ++i)
            players_.emplace_back(*shared_, i);
        for (Player& each : players_) each.start(seeds_.end, play_);
    }
    ~Players() {
        for (Player& each : players_) {
            if (each.is_alive()) each.end();
        }
        (void)::munmap(shared_, sizeof(Shared));
    }
    Players(const Players&) = delete;
    Players& operator=(const Players&) = delete;

    void run(const TakeReport& take) {
        while (await_some()) {
            for (auto each = reports_.find(due_); each != reports_.end();
                 each = reports_.find(++due_)) {
                if (!take(each->second)) return;
                reports_.erase(each);
            }
        }
    }

private:
    /// False when none of them lives.
    bool await_some() {
        std::vector<pollfd> pipes;
        std::vector<Player*> those;
        for (Player& each : players_) {
            if (!each.is_alive()) continue;
            pipes.push_back({.fd = each.pipe(), .events = POLLIN, .revents = 0});
            those.push_back(&each);
        }
        if (pipes.empty()) return false;
        if (::poll(pipes.data(), pipes.size(), -1) < 0) return true;
        for (std::size_t i = 0; i < pipes.size(); ++i) {
            if (pipes[i].revents == 0) continue;
            those[i]->receive(reports_);
            // In the place of one that ended in the midst of a seed.
            if (!those[i]->is_alive() && shared_->next < seeds_.end)
                those[i]->start(seeds_.end, play_);
        }
        return true;
    }

    const SeedRange seeds_;
    const PlaySeed& play_;
    Shared* shared_ = nullptr;
    std::vector<Player> players_;
    std::uint64_t due_;
    std::map<std::uint64_t, SeedReport> reports_;  // that wait for those before them
};

}  // namespace

void SeedSum::add(const SeedSum& other) {
    seeds += other.seeds;
    time += other.time;
    commands += other.commands;
    accepted += other.accepted;
    faults.add(other.faults);
    stops += other.stops;
    stops_alone += other.stops_alone;
    views_compared += other.views_compared;
    failed += other.failed;
}

void play_seeds(const SeedRange& seeds, std::size_t jobs, const PlaySeed& play,
                const TakeReport& take) {
    if (jobs > 1) return Players(seeds, jobs, play).run(take);
    for (std::uint64_t seed = seeds.first; seed < seeds.end; ++seed) {
        if (!take(play_within_limit(play, seed))) return;
    }
}

}  // namespace vouch::test
