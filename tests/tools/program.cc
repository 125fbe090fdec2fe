#include "tests/tools/program.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <regex>
#include <sstream>

namespace vouch::test {

std::string program_path() {
    const char* const path = std::getenv("VOUCH_PROGRAM");
    REQUIRE_MESSAGE(path != nullptr, "VOUCH_PROGRAM names no program");
    return path;
}

namespace {

struct Pipe {
    std::array<int, 2> ends{-1, -1};
    Pipe() { REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0); }
    int reading() const { return ends[0]; }
    int writing() const { return ends[1]; }
};

/// Starts `words` with these as its stdin, stdout and stderr (-1: the test's own).
int start(const Program& program, std::vector<std::string> words, int in, int out, int err) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const std::string home = program.home().string();
    const int pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid != 0) return pid;
    if (in >= 0) ::dup2(in, STDIN_FILENO);
    if (out >= 0) ::dup2(out, STDOUT_FILENO);
    if (err >= 0) ::dup2(err, STDERR_FILENO);
    ::setenv("HOME", home.c_str(), 1);
    ::unsetenv("XDG_CONFIG_HOME");
    ::unsetenv("VOUCH_PASSPHRASE_FILE");
    if (::chdir(home.c_str()) != 0) ::_exit(126);
    ::execv(argv[0], argv.data());
    ::_exit(127);
}

int exit_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

/// Feeds and reads at once, so that no full pipe stops either side.
void exchange(const std::string& input, int in, int out, int err, ProgramResult& result) {
    ::fcntl(in, F_SETFL, O_NONBLOCK);
    std::size_t written = 0;
    std::array<pollfd, 3> sources{pollfd{in, POLLOUT, 0}, pollfd{out, POLLIN, 0},
                                  pollfd{err, POLLIN, 0}};
    if (input.empty()) {
        ::close(in);
        sources[0].fd = -1;
    }
    const auto read_some = [](pollfd& source, std::string& text) {
        std::array<char, 65536> buffer{};
        const ssize_t got = ::read(source.fd, buffer.data(), buffer.size());
        if (got > 0) {
            text.append(buffer.data(), static_cast<std::size_t>(got));
        } else {
            ::close(source.fd);
            source.fd = -1;
        }
    };
    while (sources[1].fd >= 0 || sources[2].fd >= 0) {
        REQUIRE(::poll(sources.data(), sources.size(), -1) > 0);
        if (sources[0].fd >= 0 && sources[0].revents != 0) {
            const ssize_t wrote = ::write(in, input.data() + written, input.size() - written);
            if (wrote > 0) written += static_cast<std::size_t>(wrote);
            if (wrote <= 0 || written == input.size()) {
                ::close(in);
                sources[0].fd = -1;
            }
        }
        if (sources[1].fd >= 0 && sources[1].revents != 0) read_some(sources[1], result.out);
        if (sources[2].fd >= 0 && sources[2].revents != 0) read_some(sources[2], result.err);
    }
    if (sources[0].fd >= 0) ::close(in);
}

}  // namespace

std::string without_places(const std::string& text) {
    static const std::regex places("((record|event)\"?[: ])[0-9]+");
    return std::regex_replace(text, places, "$1#");
}

std::vector<std::string> ProgramResult::lines() const {
    std::vector<std::string> lines;
    std::istringstream text(out);
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
}

namespace {

std::vector<std::string> with_program(const std::vector<std::string>& arguments) {
    std::vector<std::string> words = {program_path()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
}

ProgramResult run_words(const Program& program, const std::vector<std::string>& words,
                        const std::string& input) {
    ::signal(SIGPIPE, SIG_IGN);  // a program that ends early is its exit code's matter
    const Pipe in;
    const Pipe out;
    const Pipe err;
    const int pid = start(program, words, in.reading(), out.writing(), err.writing());
    ::close(in.reading());
    ::close(out.writing());
    ::close(err.writing());
    ProgramResult result;
    exchange(input, in.writing(), out.reading(), err.reading(), result);
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    result.exit = exit_of(status);
    return result;
}

}  // namespace

namespace {

/// These words under what a shell's ulimit sets.
std::vector<std::string> with_limits(const std::string& limits,
                                     const std::vector<std::string>& words) {
    std::vector<std::string> limited = {"/bin/sh", "-c",
                                        "ulimit " + limits + " && exec \"$0\" \"$@\""};
    limited.insert(limited.end(), words.begin(), words.end());
    return limited;
}

}  // namespace

ProgramResult Program::run(const std::vector<std::string>& arguments,
                           const std::string& input) const {
    return run_words(*this, with_program(arguments), input);
}

ProgramResult Program::run_within(const std::string& limits,
                                  const std::vector<std::string>& arguments,
                                  const std::string& input) const {
    return run_words(*this, with_limits(limits, with_program(arguments)), input);
}

ProgramResult Program::shell(const std::string& arguments) const {
    return run_words(
        *this, {"/bin/sh", "-c", "exec 2>/dev/null; '" + program_path() + "' " + arguments}, "");
}

ProgramResult Program::submit(const std::string& lines,
                              const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"submit", "-", "--data", books().string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, lines);
}

RunningProgram::RunningProgram(const Program& program, const std::vector<std::string>& arguments,
                               const Options& options) {
    ::signal(SIGPIPE, SIG_IGN);
    int err = -1;
    if (!options.err.empty()) {
        err = ::open(options.err.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        REQUIRE(err >= 0);
    }
    const std::vector<std::string> words = with_program(arguments);
    const Pipe in;
    const Pipe out;
    pid_ = start(program, options.limits.empty() ? words : with_limits(options.limits, words),
                 in.reading(), out.writing(), err);
    if (err >= 0) ::close(err);
    ::close(in.reading());
    ::close(out.writing());
    input_ = in.writing();
    output_ = out.reading();
}

RunningProgram::~RunningProgram() {
    close_input();
    if (output_ >= 0) ::close(output_);
    if (pid_ > 0) {
        kill();
        wait();
    }
}

void RunningProgram::write(const std::string& text) {
    REQUIRE(::write(input_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

std::string RunningProgram::read_line() {
    for (;;) {
        if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
            const std::string line = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            return line;
        }
        std::array<char, 4096> some{};
        const ssize_t got = ::read(output_, some.data(), some.size());
        if (got <= 0) return "";
        buffer_.append(some.data(), static_cast<std::size_t>(got));
    }
}

void RunningProgram::close_input() {
    if (input_ >= 0) ::close(input_);
    input_ = -1;
}

int RunningProgram::wait() {
    int status = 0;
    REQUIRE(::waitpid(pid_, &status, 0) == pid_);
    pid_ = -1;
    return exit_of(status);
}

void RunningProgram::kill() { ::kill(pid_, SIGKILL); }

void RunningProgram::terminate() { ::kill(pid_, SIGTERM); }

void RunningProgram::hang_up() { ::kill(pid_, SIGHUP); }

void RunningProgram::pause() { ::kill(pid_, SIGSTOP); }

void RunningProgram::go_on() { ::kill(pid_, SIGCONT); }

}  // namespace vouch::test
