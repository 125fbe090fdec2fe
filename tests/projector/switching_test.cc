// The two ways of writing, mixed in every order, with openings and crashes between: the rows must
// be those of a plain load, and the view must go on exactly where it was.

#include "tests/projector/random_books.h"
#include "tests/projector/views.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace vouch;
using namespace vouch::projector;
using test::always_batch;
using test::always_bulk;
using test::OpenView;
using test::RandomBooks;
using test::random_books;
using test::rows_of;

namespace fs = std::filesystem;

extern char** environ;

namespace {

constexpr int kSteps = 1'200;

ProjectorOptions random_options(std::mt19937_64& random) {
    switch (random() % 3) {
        case 0:
            return always_batch();
        case 1:
            return always_bulk(1);  // a load for each piece read
        default:
            return always_bulk();
    }
}

std::map<std::string, std::string> plain_rows(RandomBooks& books, const fs::path& directory) {
    OpenView view(directory, books.log, books.deployment, always_batch());
    REQUIRE(view.projector->catch_up_to_end());
    return rows_of(*view.store);
}

/// Calls `before_read` before each read of records: in the middle of whatever the projector does.
class InterruptedLog final : public LogReader {
public:
    InterruptedLog(LogReader& log, std::function<void()> before_read)
        : log_(log), before_read_(std::move(before_read)) {}

    std::uint32_t shard_count() const override { return log_.shard_count(); }
    Result<RecordNumber> end(ShardId shard) override { return log_.end(shard); }
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override {
        before_read_();
        return log_.read_records(shard, from, bytes_max, out);
    }
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override {
        return log_.read_range(shard, record, offset, size, out);
    }

private:
    LogReader& log_;
    std::function<void()> before_read_;
};

void copy_directory(const fs::path& from, const fs::path& to) {
    fs::remove_all(to);
    fs::copy(from, to, fs::copy_options::recursive);
}

}  // namespace

TEST_CASE(
    "switching: batches and loads in any order give the rows of a plain load" *
    doctest::test_suite("same-threads")) {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        CAPTURE(seed);
        const auto books = random_books(seed, kSteps);
        std::mt19937_64 random(seed);
        const test::TemporaryDirectory directory;
        const RecordNumber end = *books->log.end(ShardId(0));
        RecordNumber next;
        int openings = 0;
        while (next < end) {
            // Opened anew for every step, and several switches within one opening.
            OpenView view(directory.path() / "mixed", books->log, books->deployment,
                          random_options(random));
            ++openings;
            REQUIRE(view.projector->next_record() == next);
            for (std::uint64_t step = random() % 4 + 1; step > 0 && next < end; --step) {
                auto projector = Projector::start(
                    books->log, books->deployment.deployment, ShardId(0), *view.store,
                    books->deployment.keys.get(), random_options(random));
                REQUIRE(projector);
                next = RecordNumber(std::min(next.value() + 1 + random() % 9, end.value()));
                REQUIRE((*projector)->catch_up(next));
                REQUIRE(view.store->position()->next_record == next);
            }
        }
        CHECK(openings > 5);
        OpenView mixed(directory.path() / "mixed", books->log, books->deployment, always_batch());
        CHECK(rows_of(*mixed.store) == plain_rows(*books, directory.path() / "plain"));
    }
}

TEST_CASE(
    "crash: a view copied in the middle of anything goes on where it was" *
    doctest::test_suite("same-threads")) {
    const auto books = random_books(21, kSteps);
    const test::TemporaryDirectory directory;
    const auto expected = plain_rows(*books, directory.path() / "plain");
    const fs::path live = directory.path() / "live";
    const fs::path crashed = directory.path() / "crashed";
    std::mt19937_64 random(21);
    const ViewStore* store = nullptr;
    int copies = 0;
    const auto crash = [&] {
        if (store == nullptr || random() % 12 != 0) return;
        ++copies;
        copy_directory(live, crashed);
        OpenView view(crashed, books->log, books->deployment, random_options(random));
        // Nothing of the write that was going on, and of those before it what is no longer in
        // memory: the rest comes from the log again.
        REQUIRE(view.projector->next_record() <=
                store->position().value_or(ViewPosition{}).next_record);
        REQUIRE(view.projector->catch_up_to_end());
        REQUIRE(rows_of(*view.store) == expected);
    };
    InterruptedLog log(books->log, crash);
    OpenView view(live, log, books->deployment, always_batch());
    store = view.store.get();
    const RecordNumber end = *books->log.end(ShardId(0));
    while (view.store->position().value_or(ViewPosition{}).next_record < end) {
        auto projector =
            Projector::start(log, books->deployment.deployment, ShardId(0), *view.store,
                             books->deployment.keys.get(), random_options(random));
        REQUIRE(projector);
        const RecordNumber next = (*projector)->next_record();
        REQUIRE((*projector)->catch_up(RecordNumber(next.value() + 1 + random() % 20)));
    }
    CHECK(copies > 5);
    CHECK(rows_of(*view.store) == expected);
}

TEST_CASE(
    "switching: whoever reads beside it never sees a position without its rows, or rows beyond "
    "it") {
    const auto books = random_books(22, kSteps);
    const test::TemporaryDirectory directory;
    OpenView view(directory.path(), books->log, books->deployment, always_batch());
    std::atomic<bool> is_done = false;
    std::atomic<int> read = 0;
    std::atomic<int> torn = 0;
    std::thread reader([&] {
        constexpr Timestamp kNever(std::numeric_limits<std::int64_t>::max());
        const RowKey last = record_time_key(kNever, RecordNumber(0));
        while (!is_done) {
            const auto snapshot = view.store->snapshot();
            if (!snapshot || !(*snapshot)->position()) continue;
            const auto rows = (*snapshot)->cursor();
            rows->seek_at_or_before(last.view());
            const auto key = rows->is_valid() ? decode_record_time_key(rows->key()) : std::nullopt;
            if (!key || key->record.next() != (*snapshot)->position()->next_record) ++torn;
            ++read;
        }
    });
    std::mt19937_64 random(22);
    const RecordNumber end = *books->log.end(ShardId(0));
    bool went_well = true;
    for (RecordNumber next(1); next <= end && went_well; next = next.next()) {
        auto projector =
            Projector::start(books->log, books->deployment.deployment, ShardId(0), *view.store,
                             books->deployment.keys.get(), random_options(random));
        went_well = projector && (*projector)->catch_up(next);
        // The reader looks at every position at least once.
        const int before = read;
        while (read == before) std::this_thread::yield();
    }
    is_done = true;
    reader.join();
    CHECK(went_well);
    CHECK(torn == 0);
    CHECK(read >= static_cast<int>(end.value()));
}

TEST_CASE("crash child" * doctest::skip()) {
    // Run as a program of its own by the case below, which kills it.
    const char* directory = std::getenv("VOUCH_TEST_DIRECTORY");
    const char* seed_text = std::getenv("VOUCH_TEST_SEED");
    REQUIRE(directory != nullptr);
    REQUIRE(seed_text != nullptr);
    const std::uint64_t seed = std::strtoull(seed_text, nullptr, 10);
    const auto books = random_books(31, kSteps);
    std::mt19937_64 random(seed);
    auto store = rocks_view_stores().open(directory, test::view_key());
    REQUIRE(store);
    const RecordNumber end = *books->log.end(ShardId(0));
    while ((*store)->position().value_or(ViewPosition{}).next_record < end) {
        auto projector =
            Projector::start(books->log, books->deployment.deployment, ShardId(0), **store,
                             books->deployment.keys.get(), random_options(random));
        REQUIRE(projector);
        const RecordNumber next = (*projector)->next_record();
        REQUIRE((*projector)->catch_up(RecordNumber(next.value() + 1 + random() % 4)));
        const char done = '.';
        REQUIRE(write(STDERR_FILENO, &done, 1) == 1);
    }
}

TEST_CASE(
    "crash: a projector killed at any moment goes on where it was" *
    doctest::test_suite("same-threads")) {
    const auto books = random_books(31, kSteps);
    const test::TemporaryDirectory directory;
    const fs::path view_directory = directory.path() / "view";
    const std::string directory_variable = "VOUCH_TEST_DIRECTORY=" + view_directory.string();
    RecordNumber reached;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        CAPTURE(seed);
        const std::string seed_variable = "VOUCH_TEST_SEED=" + std::to_string(seed);
        std::vector<char*> variables;
        for (char** variable = environ; *variable != nullptr; ++variable)
            variables.push_back(*variable);
        variables.push_back(const_cast<char*>(directory_variable.c_str()));
        variables.push_back(const_cast<char*>(seed_variable.c_str()));
        variables.push_back(nullptr);
        int progress[2];
        REQUIRE(pipe2(progress, O_CLOEXEC) == 0);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, progress[1], STDERR_FILENO);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        std::string program = "/proc/self/exe";
        std::string no_skip = "--no-skip";
        std::string which = "--test-case=crash child";
        char* arguments[] = {program.data(), no_skip.data(), which.data(), nullptr};
        pid_t child = 0;
        REQUIRE(posix_spawn(&child, program.c_str(), &actions, nullptr, arguments,
                            variables.data()) == 0);
        posix_spawn_file_actions_destroy(&actions);
        close(progress[1]);
        // Killed while it does what follows its n-th step.
        char done = 0;
        for (std::uint64_t step = 0; step < seed % 5 + 1 && read(progress[0], &done, 1) == 1;
             ++step) {
            REQUIRE(done == '.');
        }
        kill(child, SIGKILL);
        int how = 0;
        REQUIRE(waitpid(child, &how, 0) == child);
        close(progress[0]);

        OpenView view(view_directory, books->log, books->deployment, always_batch());
        CHECK(view.projector->next_record() >= reached);
        reached = view.projector->next_record();
    }
    CHECK(reached > RecordNumber(10));
    OpenView view(view_directory, books->log, books->deployment, always_bulk());
    REQUIRE(view.projector->catch_up_to_end());
    CHECK(rows_of(*view.store) == plain_rows(*books, directory.path() / "plain"));
}
