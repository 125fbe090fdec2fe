#include "command-handler/shard/death_notes.h"
#include "command-handler/shard/handler.h"
#include "events/log/embedded/embedded_log.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/support/wrapped_log.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <vector>

// Inputs that cannot be decided: ranges of offsets that nobody can read, and a command on which the
// process dies every time. Both are recorded, and the commands behind them decided.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;
namespace fs = std::filesystem;

/// A log whose input is what a test has put there, and stays, as a topic's does.
class TopicLog final : public WrappedLog {
public:
    TopicLog(Log& log, std::vector<InputBatch> input) : WrappedLog(log), input_(std::move(input)) {}

    Status read_commands(ShardId, Offset from, std::size_t batches_max,
                         std::vector<InputBatch>& out) override {
        for (const InputBatch& batch : input_) {
            if (batch.offset >= from && out.size() < batches_max) out.push_back(batch);
        }
        return {};
    }
    void wait_for_input(ShardId shard, InputPosition from,
                        std::optional<std::int64_t> timeout_us) override {
        if (from.command != kNoOffset && input_.back().offset >= from.command) return;
        WrappedLog::wait_for_input(shard, {Offset(0), from.step}, timeout_us);
    }
    Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit) override {
        Commit inner = commit;
        inner.next.command = Offset(0);
        return WrappedLog::commit(shard, term, inner);
    }
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override {
        if (record == deadly_) std::raise(signal_);
        return WrappedLog::read_range(shard, record, offset, size, out);
    }
    /// Whoever reads back a part of this record dies.
    void kill_at(RecordNumber record, int signal) {
        deadly_ = record;
        signal_ = signal;
    }

private:
    std::vector<InputBatch> input_;
    std::optional<RecordNumber> deadly_;
    int signal_ = 0;
};

InputBatch input(std::uint64_t offset, const std::vector<Command>& commands) {
    return {Offset(offset), batch_of(commands), std::nullopt};
}

/// The deployment of the books in a directory: the one that is there, or a new one.
Deployment deployment_in(const fs::path& directory) {
    const fs::path file = directory / "deployment";
    if (!fs::exists(file)) {
        const NewDeployment made = make_deployment(1, false, Timestamp(kStart_us));
        std::ofstream(file, std::ios::binary)
            .write(reinterpret_cast<const char*>(made.bytes.data()),
                   static_cast<std::streamsize>(made.bytes.size()));
    }
    std::ifstream stored(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stored), {}};
    const auto parsed = parse_deployment(std::as_bytes(std::span(text)));
    REQUIRE_MESSAGE(parsed, parsed.error().message);
    return *parsed;
}

/// Books in a directory, which several processes open one after the other.
struct Books {
    explicit Books(const fs::path& directory) : deployment(deployment_in(directory)) {
        options.directory = directory / "shards";
        options.bounds.mark_after_us = kNoMarks_us;
        auto opened = EmbeddedLog::open({.directory = (directory / "log").string(),
                                         .shard_count = 1,
                                         .segment_bytes = std::uint64_t{1} << 20,
                                         .prepare_in_background = false});
        REQUIRE_MESSAGE(opened, opened.error().message);
        log = std::move(*opened);
    }
    std::unique_ptr<Handler> start(Log& through) {
        answers.forget();
        auto started = Handler::start(through, deployment, keys, clock, answers, options);
        REQUIRE_MESSAGE(started, started.error().message);
        return std::move(*started);
    }

    Deployment deployment;
    EpochKeys keys = make_test_keys(deployment);
    ManualClock clock{Timestamp(kStart_us)};
    HandlerOptions options;
    std::unique_ptr<EmbeddedLog> log;
    AnswerBook answers;
};

const std::vector<Command> kOpening = {open_cash(1), open_account(2, 1), transfer(10, 0, 1, 100)};
/// Its second command is a repeat, whose first outcome has to be read back.
const std::vector<Command> kDeadly = {transfer(20, 0, 1, 1), transfer(10, 0, 1, 100),
                                      transfer(21, 0, 1, 2)};
const std::vector<Command> kLast = {transfer(30, 0, 1, 4)};

constexpr const char* kDirectory = "VOUCH_TEST_BOOKS";
constexpr const char* kSignal = "VOUCH_TEST_SIGNAL";

/// Runs the case below in a process of its own; what it ended with, 128 + the signal if by one.
int run_child(const fs::path& directory, int signal) {
    const std::string books = std::string(kDirectory) + "=" + directory.string();
    const std::string number = std::string(kSignal) + "=" + std::to_string(signal);
    const pid_t pid = ::fork();
    if (pid == 0) {
        const std::array<const char*, 4> arguments = {
            "test", "--test-case=isolated input: a process that meets the deadly command",
            "--no-skip", nullptr};
        const std::array<const char*, 3> environment = {books.c_str(), number.c_str(), nullptr};
        ::execve("/proc/self/exe", const_cast<char* const*>(arguments.data()),
                 const_cast<char* const*>(environment.data()));
        ::_exit(99);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("isolated input: a process that meets the deadly command" * doctest::skip()) {
    const char* const directory = std::getenv(kDirectory);
    REQUIRE(directory != nullptr);
    const int signal = std::atoi(std::getenv(kSignal));
    for (const int each : {SIGABRT, SIGSEGV, SIGKILL}) std::signal(each, SIG_DFL);
    Books books(directory);
    TopicLog topic(*books.log, {input(0, kOpening), input(5, kDeadly), input(6, kLast)});
    topic.kill_at(RecordNumber(1), signal);
    const std::unique_ptr<Handler> handler = books.start(topic);
    CHECK(books.answers.wait(kShard0, Offset(6), 1).at(0).outcome == Outcome::posted);
    const std::vector<Answered> told = books.answers.look(kShard0, Offset(5));
    REQUIRE(told.size() == 3);
    CHECK(told[0].outcome == Outcome::posted);
    CHECK(told[1].outcome == Outcome::malformed);
    CHECK(told[1].field == "isolated");
    CHECK(told[1].id == CommandId());
    CHECK(told[2].outcome == Outcome::posted);
    CHECK(handler->stop().has_value());
}

TEST_CASE("isolated input: what kills its process three times is set aside, and others decided") {
    for (const int signal : {SIGABRT, SIGSEGV}) {
        CAPTURE(signal);
        TemporaryDirectory directory;
        {
            Books books(directory.path());
            TopicLog topic(*books.log, {input(0, kOpening)});
            const std::unique_ptr<Handler> handler = books.start(topic);
            const std::vector<Answered> told = books.answers.wait(kShard0, Offset(0), 3);
            REQUIRE(told.size() == 3);
            REQUIRE(told[2].record == RecordNumber(1));
            REQUIRE(handler->stop().has_value());
        }
        for (unsigned i = 0; i < DeathNotes::kDeathsMax; ++i)
            CHECK(run_child(directory.path(), signal) == 128 + signal);
        CHECK(run_child(directory.path(), signal) == 0);

        Books books(directory.path());
        LogFold fold(books.deployment, books.keys, kShard0);
        fold.read(*books.log);
        CHECK(fold.faults.empty());
        CHECK(fold.count("unreadable 1 malformed") == 1);
        CHECK(fold.account(1)->totals.credits_posted.low() == 100 + 1 + 2 + 4);
        // It was that input and not its content: sent again where nobody dies, it has its outcome.
        TopicLog topic(*books.log, {input(7, {kDeadly[1]})});
        const std::unique_ptr<Handler> handler = books.start(topic);
        const std::vector<Answered> again = books.answers.wait(kShard0, Offset(7), 1);
        CHECK(again.at(0).outcome == Outcome::posted);
        CHECK(again.at(0).repeated);
        CHECK(handler->stop().has_value());
    }
}

TEST_CASE("isolated input: deaths from outside are not counted") {
    TemporaryDirectory directory;
    {
        Books books(directory.path());
        TopicLog topic(*books.log, {input(0, kOpening)});
        const std::unique_ptr<Handler> handler = books.start(topic);
        REQUIRE(books.answers.wait(kShard0, Offset(0), 3).size() == 3);
        REQUIRE(handler->stop().has_value());
    }
    for (unsigned i = 0; i < DeathNotes::kDeathsMax + 1; ++i)
        CHECK(run_child(directory.path(), SIGKILL) == 128 + SIGKILL);
    Books books(directory.path());
    TopicLog topic(*books.log, {input(0, kOpening), input(5, kDeadly), input(6, kLast)});
    const std::unique_ptr<Handler> handler = books.start(topic);
    CHECK(books.answers.wait(kShard0, Offset(6), 1).at(0).outcome == Outcome::posted);
    CHECK(books.answers.look(kShard0, Offset(5)).at(1).repeated);
    CHECK(handler->stop().has_value());
}

TEST_CASE("unreadable input: a range is recorded, and the commands behind it decided, once") {
    TemporaryDirectory directory;
    const std::vector<InputBatch> topic_input = {input(0, kOpening),
                                                 {Offset(3), {}, Offset(9)},
                                                 input(9, kLast),
                                                 {Offset(12), {}, Offset(13)}};
    for (const bool is_first : {true, false}) {
        CAPTURE(is_first);
        Books books(directory.path());
        std::vector<InputBatch> all = topic_input;
        if (!is_first) all.push_back(input(20, {transfer(40, 0, 1, 8)}));
        TopicLog topic(*books.log, all);
        const std::unique_ptr<Handler> handler = books.start(topic);
        if (is_first) {
            CHECK(books.answers.wait(kShard0, Offset(9), 1).at(0).outcome == Outcome::posted);
        } else {
            CHECK(books.answers.wait(kShard0, Offset(20), 1).at(0).outcome == Outcome::posted);
            CHECK(books.answers.look(kShard0, Offset(9)).empty());
        }
        CHECK(handler->stop().has_value());
        LogFold fold(books.deployment, books.keys, kShard0);
        fold.read(*books.log);
        CHECK(fold.faults.empty());
        CHECK(fold.count("unreadable 3 to 9") == 1);
        CHECK(fold.count("unreadable 12 to 13") == 1);
        CHECK(fold.account(1)->totals.credits_posted.low() == (is_first ? 104U : 112U));
    }
}
