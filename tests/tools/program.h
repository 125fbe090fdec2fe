#pragma once

#include "tests/support/temporary_directory.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace vouch::test {

struct ProgramResult {
    int exit = -1;
    std::string out;
    std::string err;

    /// Lines of `out`.
    std::vector<std::string> lines() const;
};

/// The text with a # in place of every number of a record or event: a ledger that rests for a
/// moment writes a mark, so that nobody can tell them beforehand.
std::string without_places(const std::string& text);

/// Of the program under test.
std::string program_path();

/// The real program, run in a home and directory of its own.
class Program {
public:
    /// The home's directory; `books` below it is what the tests call their data directory.
    const std::filesystem::path& home() const { return home_.path(); }
    std::filesystem::path books() const { return home() / "books"; }

    /// Runs `vouch ARGUMENTS…` with `input` on stdin, to its end.
    ProgramResult run(const std::vector<std::string>& arguments,
                      const std::string& input = "") const;

    /// The same under limits as a shell's ulimit takes them: "-v 60000".
    ProgramResult run_within(const std::string& limits, const std::vector<std::string>& arguments,
                             const std::string& input = "") const;

    /// `vouch ARGUMENTS` as a shell reads them, pipes and all.
    ProgramResult shell(const std::string& arguments) const;

    /// `vouch submit - --data BOOKS MORE…` of these lines.
    ProgramResult submit(const std::string& lines, const std::vector<std::string>& more = {}) const;

private:
    TemporaryDirectory home_;
};

/// A running `vouch`, whose stdin and stdout the test holds.
class RunningProgram {
public:
    struct Options {
        std::string limits{};         ///< of the process, as a shell's ulimit takes them
        std::filesystem::path err{};  ///< where its stderr goes; empty: the test's own
    };
    RunningProgram(const Program& program, const std::vector<std::string>& arguments,
                   const Options& options);
    RunningProgram(const Program& program, const std::vector<std::string>& arguments)
        : RunningProgram(program, arguments, Options()) {}
    ~RunningProgram();
    RunningProgram(const RunningProgram&) = delete;
    RunningProgram& operator=(const RunningProgram&) = delete;

    void write(const std::string& text);
    int pid() const { return pid_; }
    /// The next line of stdout, without its end; waits for it. Empty at the end.
    std::string read_line();
    void close_input();
    /// Waits for the end; what it ended with, 128 + the signal if by one.
    int wait();
    void kill();
    /// Asks it to end, by SIGTERM.
    void terminate();
    /// As when its terminal goes away, by SIGHUP.
    void hang_up();
    /// Nothing of it runs, by SIGSTOP, until it goes on.
    void pause();
    void go_on();

private:
    int pid_ = -1;
    int input_ = -1;
    int output_ = -1;
    std::string buffer_;
};

}  // namespace vouch::test
