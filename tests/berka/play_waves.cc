#include "events/log/embedded/embedded_log.h"
#include "reconciler/replay/replay.h"
#include "tests/berka/bank_books.h"
#include "tests/berka/play_bank.h"
#include "tests/command-handler/sample_commands.h"
#include "tests/model/shard_books.h"
#include "tests/model/shard_logs.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <random>

namespace vouch::test {
namespace {

/// Small, so that the log changes segments all the time.
constexpr std::uint64_t kSegmentBytes = std::uint64_t{256} << 10;

EmbeddedLogOptions log_options(const std::filesystem::path& directory, std::uint32_t shards) {
    EmbeddedLogOptions options;
    options.directory = (directory / "log").string();
    options.shard_count = shards;
    options.segment_bytes = kSegmentBytes;
    return options;
}

void play_on_disk(const std::filesystem::path& directory, const Deployment& deployment,
                  const EpochKeys& keys, const BankWaves& waves, const WavePlay& play) {
    const auto log = EmbeddedLog::open(log_options(directory, deployment.shards));
    if (!log) throw std::runtime_error(log.error().message);
    play_waves(**log, deployment, keys, directory / "shards", waves, play);
}

std::unique_ptr<EmbeddedLogReader> read_disk(const std::filesystem::path& directory,
                                             const Deployment& deployment) {
    auto log = EmbeddedLogReader::open(log_options(directory, deployment.shards));
    REQUIRE_MESSAGE(log, log.error().message);
    return std::move(*log);
}

void check_shard_books(LogReader& log, bool at_rest) {
    ShardBooks books(log.shard_count());
    CHECK(take_logs(log, books));
    if (at_rest) books.check_at_rest();
    CHECK(books.faults() == std::vector<std::string>{});
}

/// A process that plays waves and tells of each that is final.
class Life {
public:
    template <class Play>
    explicit Life(Play play) {
        std::array<int, 2> ends{};
        REQUIRE(::pipe(ends.data()) == 0);
        process_ = ::fork();
        REQUIRE(process_ >= 0);
        pipe_ = ends[0];
        if (process_ != 0) {
            ::close(ends[1]);
            return;
        }
        try {
            play([&](std::size_t) {
                if (::write(ends[1], "w", 1) != 1) ::_exit(2);
            });
        } catch (const std::exception& problem) {
            std::fprintf(stderr, "%s\n", problem.what());
            ::_exit(1);
        }
        ::_exit(0);
    }
    ~Life() { ::close(pipe_); }

    /// Reads until so many waves are final or it has ended; how many.
    std::size_t await(std::size_t waves) {
        std::size_t known = 0;
        char each = 0;
        while (known < waves && ::read(pipe_, &each, 1) == 1) ++known;
        return known;
    }
    /// Lets it live for so long, then kills it. Returns how many more waves were final.
    std::size_t kill_within(int milliseconds) {
        pollfd waiting{-1, 0, 0};
        ::poll(&waiting, 0, milliseconds);
        ::kill(process_, SIGKILL);
        const std::size_t more = await(~std::size_t{0});
        int status = 0;
        ::waitpid(process_, &status, 0);
        const bool is_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        const bool has_ended = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        REQUIRE((is_killed || has_ended));
        return more;
    }
    bool ends_well() {
        int status = 0;
        ::waitpid(process_, &status, 0);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

private:
    pid_t process_ = -1;
    int pipe_ = -1;
};

}  // namespace

std::optional<BankLoad> load_bank() {
    const TemporaryDirectory directory;
    const auto csv = unpack_bank_rows(directory.path());
    if (!csv) return std::nullopt;
    std::optional<BankLoad> load(std::in_place, read_bank_rows(*csv));
    REQUIRE(load->rows().size() == kBankRows);
    REQUIRE(load->accounts().size() == kBankAccounts);
    return load;
}

void check_bank(LogReader& log, const Deployment& deployment, const EpochKeys& keys,
                const std::filesystem::path& views, const BankLoad& load) {
    check_shard_books(log, true);
    check_bank_events(log, deployment, load.rows());
    check_bank_views(log, deployment, keys, views, load.rows());
    reconciler::ReplayOptions options;
    options.keys = &keys;
    options.threads = 1;
    const auto report = reconciler::replay(log, deployment, options);
    REQUIRE_MESSAGE(report, report.error().message);
    const std::string findings = report->is_clean() ? "" : reconciler::to_text(*report);
    CHECK(findings == "");
}

void play_bank_in_waves(std::uint32_t shards, std::size_t times) {
    const auto load = load_bank();
    if (!load) return;
    const TemporaryDirectory directory;
    const Deployment deployment = make_deployment(shards, false, Timestamp(1)).deployment;
    const EpochKeys keys = make_test_keys(deployment);
    const BankWaves waves(*load);
    play_on_disk(directory.path(), deployment, keys, waves, {.times = times, .is_final = {}});
    const auto log = read_disk(directory.path(), deployment);
    check_bank(*log, deployment, keys, directory.path() / "views", *load);
}

void play_bank_in_killed_waves(std::uint32_t shards, std::size_t kills) {
    const auto load = load_bank();
    if (!load) return;
    const TemporaryDirectory directory;
    const Deployment deployment = make_deployment(shards, false, Timestamp(1)).deployment;
    const EpochKeys keys = make_test_keys(deployment);
    const BankWaves waves(*load);
    std::mt19937_64 random(1994);
    std::size_t final = 0;  // waves
    const auto live = [&](const std::function<void(std::size_t)>& is_final) {
        // The wave that was being played, and sometimes all of the one before it again.
        const std::size_t from = final > 0 && random() % 2 == 0 ? final - 1 : final;
        play_on_disk(directory.path(), deployment, keys, waves,
                     {.times = 1, .from = from, .is_final = [&](std::size_t wave) {
                          if (wave >= final) is_final(wave);
                      }});
    };
    for (std::size_t left = kills; left > 0; --left) {
        const std::size_t share = (waves.size() - final) / left;
        Life life(live);
        const std::size_t some = life.await(random() % (share + 1));
        final += some + life.kill_within(static_cast<int>(random() % 8));
        // Killed before the log was made, there is nothing to look at.
        if (final > 0) check_shard_books(*read_disk(directory.path(), deployment), false);
    }
    Life last(live);
    final += last.await(~std::size_t{0});
    REQUIRE(last.ends_well());
    CHECK(final == waves.size());
    const auto log = read_disk(directory.path(), deployment);
    check_bank(*log, deployment, keys, directory.path() / "views", *load);
}

}  // namespace vouch::test
