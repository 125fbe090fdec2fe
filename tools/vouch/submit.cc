#include "command-handler/gateway/answer_mailbox.h"
#include "command-handler/gateway/command_gateway.h"
#include "command-handler/intake/handler_directory.h"
#include "command-handler/shard/handler.h"
#include "events/world/clock.h"
#include "tools/server/places/opened_books.h"
#include "tools/server/places/server_mark.h"
#include "tools/terminal/progress.h"
#include "tools/terminal/say.h"
#include "tools/vouch/check_lines.h"
#include "tools/vouch/line_reader.h"
#include "tools/vouch/subcommands.h"
#include "tools/vouch/submit_remote.h"
#include "tools/vouch/submit_stream.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace vouch::cli {

namespace {

struct SubmitArguments {
    std::string file = "-";
    places::DataOptions data;
    std::string http;  ///< a server's address; empty: the one that has `data`, or this process
    bool one_at_a_time = false;
    bool keep_going = false;
    bool check = false;
    bool fail_on_refusal = false;
};

/// The input, and how many bytes it has where that is known.
class Input {
public:
    ~Input() {
        if (is_own_) ::close(fd_);
    }
    Input(Input&& other) noexcept
        : fd_(other.fd_), is_own_(std::exchange(other.is_own_, false)), bytes_(other.bytes_) {}
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;
    Input& operator=(Input&&) = delete;

    /// Empty, and said why, when the file cannot be read.
    static std::optional<Input> open(const std::string& file) {
        const bool is_stdin = file == "-";
        Input input(is_stdin ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC),
                    !is_stdin);
        struct stat status {};
        if (input.fd_ < 0 || ::fstat(input.fd_, &status) != 0) {
            terminal::say(file + " cannot be read: " + std::generic_category().message(errno));
            return std::nullopt;
        }
        if (S_ISDIR(status.st_mode)) {
            terminal::say(file +
                          " is a directory; expected a file of commands, or - for standard input");
            return std::nullopt;
        }
        if (S_ISREG(status.st_mode)) input.bytes_ = static_cast<std::uint64_t>(status.st_size);
        return input;
    }

    int fd() const { return fd_; }
    std::uint64_t bytes() const { return bytes_; }

private:
    Input(int fd, bool is_own) : fd_(fd), is_own_(is_own && fd >= 0) {}

    int fd_;
    bool is_own_;
    std::uint64_t bytes_ = 0;
};

std::string without_outcome(std::uint64_t lines) {
    return std::to_string(lines) + (lines == 1 ? " line has no outcome" : " lines have no outcome");
}

ExitCode exit_code_of(const command_handler::SubmitCounts& counts, bool fail_on_refusal) {
    if (counts.cut_off > 0) {
        terminal::say(without_outcome(counts.cut_off) +
                      ", because a shard that they need has stopped or is waited for by too many");
        return ExitCode::unreachable;
    }
    if (counts.malformed > 0) return ExitCode::usage;
    if (counts.refused > 0 && fail_on_refusal) return ExitCode::refused;
    return ExitCode::done;
}

/// After a fault. What was not read yet has no outcome either.
void say_open(std::size_t lines, const LineReader& input) {
    if (lines == 0 && input.is_at_end()) return;
    terminal::say((input.is_at_end() ? "" : "at least ") + without_outcome(lines) + " yet" +
                  (input.is_at_end() ? "" : ", and the rest of the input was not sent") +
                  "; send all again: each is decided once, and a repeat gets the same answer");
}

/// `line` as stopped_at() of what sent the lines.
void say_stopped(std::uint64_t line) {
    if (line == 0) return;
    terminal::say("a line is malformed: nothing behind line " + std::to_string(line) +
                  " was sent. Mend it and send all again, each is decided once; or let "
                  "--keep-going leave out what is malformed");
}

ExitCode run_stream(const SubmitArguments& arguments, const Input& input,
                    places::OpenedBooks& books) {
    command_handler::WakeDescriptor wake;
    command_handler::AnswerMailbox mailbox([&wake] { wake.wake(); });
    command_handler::CommandGateway gateway(*books.writer, books.deployment.shards);
    gateway.add_mailbox(mailbox);
    SystemClock clock;
    Result<std::unique_ptr<command_handler::Handler>> handler =
        command_handler::Handler::start(*books.writer, books.deployment, books.keys, clock, gateway,
                                        places::handler_options(books, arguments.data));
    if (!handler) return fail(handler.error());
    if (books.files) books.files->wait_again();
    for (const std::string& warning : (*handler)->warnings()) terminal::say(warning);

    command_handler::HandlerDirectory directory(**handler, books.deployment.shards);
    LineReader reader(input.fd());
    terminal::Progress progress("submit", "bytes", input.bytes());
    SubmitOptions options;
    options.one_at_a_time = arguments.one_at_a_time;
    options.keep_going = arguments.keep_going;
    options.progress = [&](std::uint64_t) { progress.show(reader.bytes_read()); };
    SubmitStream stream(books.deployment, gateway, directory, mailbox, wake, STDOUT_FILENO,
                        std::move(options));
    const Status ran = stream.run(reader);
    ExitCode exit = exit_code_of(stream.counts(), arguments.fail_on_refusal);
    if (!ran) {
        exit = fail(ran.error());
        say_open(stream.lines_open(), reader);
    } else {
        say_stopped(stream.stopped_at());
    }
    // The gateway's threads use the log, and the shards' threads the gateway.
    const Status stopped = (*handler)->stop();
    gateway.stop();
    if (!stopped && exit == ExitCode::done) return fail(stopped.error());
    return exit;
}

ExitCode run_remote(const SubmitArguments& arguments, const Input& input, http::Client server) {
    LineReader reader(input.fd());
    terminal::Progress progress("submit", "bytes", input.bytes());
    SubmitRemote remote(server, {.one_at_a_time = arguments.one_at_a_time,
                                 .keep_going = arguments.keep_going,
                                 .progress = [&] { progress.show(reader.bytes_read()); }});
    if (const Status ran = remote.run(reader); !ran) {
        const ExitCode exit = fail(ran.error());
        say_open(remote.lines_open(), reader);
        return exit;
    }
    say_stopped(remote.stopped_at());
    return exit_code_of(remote.counts(), arguments.fail_on_refusal);
}

ExitCode run_check(const Input& input) {
    LineReader reader(input.fd());
    terminal::Progress progress("check", "bytes", input.bytes());
    const Result<CheckedLines> checked =
        check_lines(reader, [&] { progress.show(reader.bytes_read()); });
    if (!checked) return fail(checked.error());
    terminal::say(std::to_string(checked->lines) + (checked->lines == 1 ? " line, " : " lines, ") +
                  std::to_string(checked->malformed) +
                  " malformed; nothing was sent. The decimals of amounts on accounts that the "
                  "input does not open were not checked");
    return checked->malformed > 0 ? ExitCode::usage : ExitCode::done;
}

/// The server that has the books of these options, if one runs and they are as the options say.
Result<std::optional<http::Client>> server_of(const places::DataOptions& options) {
    std::error_code error;
    if (!std::filesystem::exists(options.directory / "server", error))
        return std::optional<http::Client>();
    Result<places::DataDirectory> data = places::DataDirectory::open(options);
    if (!data) return data.error();
    return places::find_server(options.directory, data->deployment());
}

ExitCode submit(const SubmitArguments& arguments) {
    const std::optional<Input> input = Input::open(arguments.file);
    if (!input) return ExitCode::usage;
    const bool names_books = !arguments.http.empty() || !arguments.data.directory.empty();
    if (arguments.check && names_books) {
        terminal::say("submit: --check asks no books: it goes without --data and --http");
        return ExitCode::usage;
    }
    if (arguments.check) return run_check(*input);
    if (!names_books) {
        terminal::say("submit: expected --data DIR or --http URL, or --check, which sends nothing");
        return ExitCode::usage;
    }
    if (!arguments.http.empty()) {
        Result<http::Client> server = places::named_server(arguments.http);
        if (!server) return fail(server.error());
        return run_remote(arguments, *input, std::move(*server));
    }
    Result<std::optional<http::Client>> server = server_of(arguments.data);
    if (!server) return fail(server.error());
    if (*server) return run_remote(arguments, *input, std::move(**server));
    Result<places::OpenedBooks> books = places::open_books(arguments.data);
    if (!books) return fail(books.error());
    return run_stream(arguments, *input, *books);
}

}  // namespace

void add_submit(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<SubmitArguments>();
    CLI::App* const command = app.add_subcommand("submit", "Commands in, outcomes out");
    command->description(
        "Reads commands, one JSON object a line, and prints one outcome a line in the same order.\n"
        "Runs the ledger in this process until every outcome is known and durable, or has a "
        "server\n"
        "do it that has the books or is named.");
    command->add_option("file", arguments->file, "File of commands; - or none for standard input")
        ->type_name("FILE|-");
    add_place_options(*command, arguments->data, arguments->http)->require_option(0, 1);
    command->add_flag("--create", arguments->data.create, "Make new books if there are none");
    command->add_option("--shards", arguments->data.shards, "Shards of new books (1), for ever")
        ->type_name("N");
    command->add_flag("--test-clock", arguments->data.test_clock,
                      "New books have a clock that only {\"clock\":TIME} lines move");
    add_clock_option(*command, arguments->data);
    command->add_flag("--one-at-a-time", arguments->one_at_a_time,
                      "Each line waits for the outcome of the one before");
    command->add_flag("--keep-going", arguments->keep_going,
                      "Leave out malformed lines, and take what is behind them");
    command->add_flag("--check", arguments->check,
                      "Read all lines, say which are malformed, and send nothing; asks no books");
    command->add_flag("--fail-on-refusal", arguments->fail_on_refusal,
                      "Exit 5 when a command was refused");
    command->footer(
        "Example:\n"
        "  echo "
        "'{\"id\":\"o1\",\"open_account\":{\"account\":\"cash\",\"asset\":\"EUR/"
        "2\",\"class\":\"asset\"}}' |\n"
        "      vouch submit - --data books --create\n"
        "Exit codes: 0 every line has an outcome, 4 some have none, 2 a line was malformed\n"
        "(nothing behind it was sent, unless with --keep-going), 5 with --fail-on-refusal a "
        "command\n"
        "was refused.");
    command->callback([arguments, &exit] { exit = submit(*arguments); });
}

}  // namespace vouch::cli
