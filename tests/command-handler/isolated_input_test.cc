#include "command-handler/shard/death_notes.h"
#include "command-handler/shard/handler.h"
#include "events/log/embedded/embedded_log.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/support/manual_clock.h"
#include "tests/support/text_of_file.h"
#include "tests/support/wrapped_log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
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

/// No signal: the thread calls itself until its stack is used up, which is a SIGSEGV.
constexpr int kStackUsedUp = 0;

// NOLINTNEXTLINE(misc-no-recursion)
std::size_t use_up_stack(std::size_t depth) {
    std::array<volatile char, 4096> frame{};
    frame[depth % frame.size()] = 1;
    if (depth == SIZE_MAX) return 0;
    return use_up_stack(depth + 1) + static_cast<std::size_t>(frame[0]);
}

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
        if (commits_until_death_ > 0 && --commits_until_death_ == 0) die();
        Commit inner = commit;
        inner.next.command = Offset(0);
        return WrappedLog::commit(shard, term, inner);
    }
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override {
        if (record == deadly_) die();
        return WrappedLog::read_range(shard, record, offset, size, out);
    }
    /// Behind the last command there are marks of transactions up to here.
    void end_at(Offset end) { end_ = end; }
    Offset next_command(ShardId, Offset from) override {
        return from > input_.back().offset ? std::max(from, end_) : from;
    }
    /// Whoever reads back a part of this record dies.
    void kill_at(RecordNumber record, int signal) {
        deadly_ = record;
        signal_ = signal;
    }

    /// Dies at the commit that is the `nth` from now on.
    void kill_at_commit(unsigned nth, int signal) {
        commits_until_death_ = nth;
        signal_ = signal;
    }

private:
    void die() const {
        if (signal_ == kStackUsedUp) use_up_stack(0);
        std::raise(signal_);
    }

    std::vector<InputBatch> input_;
    Offset end_;
    std::optional<RecordNumber> deadly_;
    unsigned commits_until_death_ = 0;
    int signal_ = 0;
};

InputBatch input(std::uint64_t offset, const std::vector<Command>& commands) {
    return {Offset(offset), batch_of(commands), std::nullopt};
}

/// The deployment of the books in a directory: the one that is there, or a new one.
Deployment deployment_in(const fs::path& directory, bool test_clock) {
    const fs::path file = directory / "deployment";
    if (!fs::exists(file)) {
        const NewDeployment made = make_deployment(1, test_clock, Timestamp(kStart_us));
        std::ofstream(file, std::ios::binary)
            .write(reinterpret_cast<const char*>(made.bytes.data()),
                   static_cast<std::streamsize>(made.bytes.size()));
    }
    const std::string text = text_of_file(file);
    const auto parsed = parse_deployment(std::as_bytes(std::span(text)));
    REQUIRE_MESSAGE(parsed, parsed.error().message);
    return *parsed;
}

/// Books in a directory, which several processes open one after the other.
struct Books {
    explicit Books(const fs::path& directory, bool test_clock = false)
        : deployment(deployment_in(directory, test_clock)) {
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
const std::vector<Command> kClosing = {transfer(20, 0, 1, 1), set_clock(22, kStart_us + 1'000'000),
                                       transfer(21, 0, 1, 2)};
const std::vector<Command> kLast = {transfer(30, 0, 1, 4)};

constexpr const char* kDirectory = "VOUCH_TEST_BOOKS";
constexpr const char* kSignal = "VOUCH_TEST_SIGNAL";

constexpr const char* kMeetsDeadly = "isolated input: a process that meets the deadly command";
constexpr const char* kDiesClosing = "isolated input: a process that dies while it closes a record";

/// Runs a case below in a process of its own, whose stderr goes to the file `said`; what it ended
/// with, 128 + the signal if by one.
int run_child(const fs::path& directory, int signal, const char* claim = kMeetsDeadly) {
    const std::string number = std::to_string(signal);
    const std::string one_case = std::string("--test-case=") + claim;
    const std::string said = directory / "said";
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::dup2(::open(said.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDERR_FILENO);
        const std::array<const char*, 4> arguments = {"test", one_case.c_str(), "--no-skip",
                                                      nullptr};
        // Beside what the test was given: a sanitizer has its options there.
        ::setenv(kDirectory, directory.c_str(), 1);
        ::setenv(kSignal, number.c_str(), 1);
        ::execv("/proc/self/exe", const_cast<char* const*>(arguments.data()));
        ::_exit(99);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// What the process of one case has been told.
struct Orders {
    Orders() {
        const char* const books = std::getenv(kDirectory);
        REQUIRE(books != nullptr);
        directory = books;
        signal = std::atoi(std::getenv(kSignal));
        for (const int each : {SIGABRT, SIGSEGV, SIGKILL}) std::signal(each, SIG_DFL);
    }
    fs::path directory;
    int signal = 0;
};

/// Books on which a first process has decided `opening`, in record 1.
void begin_books(const fs::path& directory, const std::vector<Command>& opening,
                 bool test_clock = false) {
    Books books(directory, test_clock);
    TopicLog topic(*books.log, {input(0, opening)});
    const std::unique_ptr<Handler> handler = books.start(topic);
    const std::vector<Answered> told = books.answers.wait(kShard0, Offset(0), opening.size());
    REQUIRE(told.size() == opening.size());
    REQUIRE(told.back().record == RecordNumber(1));
    REQUIRE(handler->stop().has_value());
}

}  // namespace

TEST_CASE(kMeetsDeadly * doctest::skip()) {
    const Orders orders;
    Books books(orders.directory);
    TopicLog topic(*books.log, {input(0, kOpening), input(5, kDeadly), input(6, kLast)});
    topic.kill_at(RecordNumber(1), orders.signal);
    const std::unique_ptr<Handler> handler = books.start(topic);
    CHECK(books.answers.wait(kShard0, Offset(6), 1).at(0).outcome == Outcome::posted);
    const std::vector<Answered> told = books.answers.look(kShard0, Offset(5));
    REQUIRE(told.size() == 3);
    CHECK(told[0].outcome == Outcome::posted);
    CHECK(told[1].outcome == Outcome::malformed);
    CHECK(told[1].field == "isolated");
    CHECK(told[1].id == CommandId());
    CHECK(told[2].outcome == Outcome::posted);
    CHECK(handler->isolated(kShard0).count == 1);
    CHECK(handler->isolated(kShard0).last == Offset(5));
    CHECK(handler->stop().has_value());
}

TEST_CASE("isolated input: what kills its process three times is set aside, and others decided") {
    for (const int signal : {SIGABRT, SIGSEGV, kStackUsedUp}) {
        CAPTURE(signal);
        TemporaryDirectory directory;
        begin_books(directory.path(), kOpening);
        for (unsigned i = 0; i < DeathNotes::kDeathsMax; ++i)
            CHECK(run_child(directory.path(), signal) ==
                  128 + (signal == kStackUsedUp ? SIGSEGV : signal));
        CHECK(run_child(directory.path(), signal) == 0);
        CHECK(text_of_file(directory.path() / "said") ==
              "vouch: ALARM: shard 0: the process died 3 times on the commands at offset 5, member "
              "1; recorded as unreadable and not tried again: report it, and have what was asked "
              "for sent again when the program is mended\n");

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

TEST_CASE("isolated input: a note that was not written whole shifts none behind it") {
    TemporaryDirectory directory;
    begin_books(directory.path(), kOpening);
    for (unsigned i = 0; i < DeathNotes::kDeathsMax; ++i) {
        CHECK(run_child(directory.path(), SIGABRT) == 128 + SIGABRT);
        std::ofstream(directory.path() / "shards/0/deaths", std::ios::app) << "cut short";
    }
    CHECK(run_child(directory.path(), SIGABRT) == 0);
}

// A change of the clock closes the record that is open, which holds other commands.
TEST_CASE(kDiesClosing * doctest::skip()) {
    const Orders orders;
    Books books(orders.directory);
    TopicLog topic(*books.log, {input(0, kOpening), input(5, kClosing)});
    if (orders.signal != 0) topic.kill_at_commit(2, orders.signal);
    const std::unique_ptr<Handler> handler = books.start(topic);
    const std::vector<Answered> told = books.answers.wait(kShard0, Offset(5), kClosing.size());
    CHECK(told.at(1).outcome == Outcome::clock_set);
    CHECK(told.at(2).outcome == Outcome::posted);
    CHECK(handler->stop().has_value());
}

TEST_CASE("isolated input: a death while a record is closed is not charged to the next command") {
    TemporaryDirectory directory;
    begin_books(directory.path(), kOpening, true);
    for (unsigned i = 0; i < DeathNotes::kDeathsMax; ++i)
        CHECK(run_child(directory.path(), SIGABRT, kDiesClosing) == 128 + SIGABRT);
    CHECK(run_child(directory.path(), 0, kDiesClosing) == 0);
}

TEST_CASE("isolated input: deaths from outside are not counted") {
    TemporaryDirectory directory;
    begin_books(directory.path(), kOpening);
    for (unsigned i = 0; i < DeathNotes::kDeathsMax + 1; ++i)
        CHECK(run_child(directory.path(), SIGKILL) == 128 + SIGKILL);
    Books books(directory.path());
    TopicLog topic(*books.log, {input(0, kOpening), input(5, kDeadly), input(6, kLast)});
    const std::unique_ptr<Handler> handler = books.start(topic);
    CHECK(books.answers.wait(kShard0, Offset(6), 1).at(0).outcome == Outcome::posted);
    CHECK(books.answers.look(kShard0, Offset(5)).at(1).repeated);
    CHECK(handler->stop().has_value());
}

TEST_CASE("input: marks of transactions behind the last command are recorded as read") {
    TemporaryDirectory directory;
    Books books(directory.path());
    TopicLog topic(*books.log, {input(0, kOpening), input(4, kLast)});
    topic.end_at(Offset(9));
    const std::unique_ptr<Handler> handler = books.start(topic);
    CHECK(books.answers.wait(kShard0, Offset(4), 1).at(0).outcome == Outcome::posted);
    REQUIRE(handler->stop().has_value());
    LogFold fold(books.deployment, books.keys, kShard0);
    fold.read(*books.log);
    CHECK(fold.faults.empty());
    REQUIRE(fold.marks.size() == 1);
    CHECK(fold.marks.back().next_command == Offset(9));
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
