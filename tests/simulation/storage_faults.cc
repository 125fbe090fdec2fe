#include "tests/simulation/storage_faults.h"

#include "tests/support/temporary_directory.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string_view>

namespace vouch::test {

namespace {

constexpr std::uint64_t kOperationsMax = 2'000;
constexpr unsigned kSecondsMax = 60;

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

std::string read_all(int fd) {
    std::string text;
    char buffer[512];
    for (ssize_t size = 0; (size = ::read(fd, buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(size));
    return text;
}

/// In a child: one that hangs is ended by its alarm.
[[noreturn]] void run_child(const Scenario& scenario, StorageFault fault, std::uint64_t nth,
                            int out) {
    ::alarm(kSecondsMax);
    ScenarioEnd end;
    try {
        const TemporaryDirectory directory;
        const auto disk = std::make_shared<FaultyFileSystem>(directory.path() / "graveyard");
        disk->fail_at(nth, fault);
        end = scenario(directory.path(), disk);
        if (!disk->fault_happened() && end.outcome != FaultOutcome::diverged)
            end.outcome = FaultOutcome::not_met;
    } catch (const std::exception& error) {
        end = {FaultOutcome::diverged, error.what()};
    }
    write_all(out, std::to_string(static_cast<int>(end.outcome)) + end.wrong);
    // Without the ends of static things: RocksDB's threads may be at work.
    ::_exit(0);
}

/// One fault, in a process of its own: RocksDB may end it.
ScenarioEnd run_apart(const Scenario& scenario, StorageFault fault, std::uint64_t nth) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("no process");
    if (child == 0) run_child(scenario, fault, nth, ends[1]);
    ::close(ends[1]);
    const std::string text = read_all(ends[0]);
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFEXITED(status) || text.empty()) {
        const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        return {FaultOutcome::died, "the process ended by signal " + std::to_string(signal)};
    }
    return {static_cast<FaultOutcome>(text[0] - '0'), text.substr(1)};
}

}  // namespace

FaultTally at_every_operation(const Scenario& scenario, StorageFault fault, std::uint64_t step,
                              std::uint64_t last) {
    FaultTally tally;
    for (std::uint64_t nth = 1; nth <= last; nth += step) {
        const ScenarioEnd end = run_apart(scenario, fault, nth);
        const std::string at =
            std::string(name_of(fault)) + " at operation " + std::to_string(nth) + ": ";
        switch (end.outcome) {
            case FaultOutcome::not_met: return tally;
            case FaultOutcome::survived: ++tally.survived; break;
            case FaultOutcome::told: ++tally.told; break;
            case FaultOutcome::set_aside:
                ++tally.set_aside;
                tally.reasons.push_back(at + end.wrong);
                break;
            case FaultOutcome::died:
            case FaultOutcome::diverged:
                tally.wrong.push_back(at + end.wrong);
                break;
        }
    }
    return tally;
}

Sweep sweep(std::uint64_t quick_step) {
    const char* const every = std::getenv("VOUCH_EVERY_FAULT");
    if (every != nullptr && std::string_view(every) == "1") return {1, kOperationsMax};
    return {quick_step, kOperationsMax};
}

std::string to_text(const FaultTally& tally) {
    return std::to_string(tally.met()) + " met: " + std::to_string(tally.survived) +
           " survived, " + std::to_string(tally.told) + " told, " +
           std::to_string(tally.set_aside) + " set aside, " + std::to_string(tally.wrong.size()) +
           " wrong";
}

}  // namespace vouch::test
