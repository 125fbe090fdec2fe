#pragma once

#include "tests/support/faulty_file_system.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace vouch::test {

/// What came of one fault, in a process of its own.
enum class FaultOutcome : std::uint8_t {
    not_met,    ///< the scenario has fewer operations
    survived,   ///< nobody was told, and nothing went wrong
    told,       ///< a call failed, and after that all was as before or as it would have been
    set_aside,  ///< files are not what was written, and that was said: they are made again
    died,       ///< the process ended
    diverged    ///< something is not what it must be
};

/// Of a scenario with a disk of its own: how it went, and in words what was wrong.
struct ScenarioEnd {
    FaultOutcome outcome = FaultOutcome::survived;
    std::string wrong{};
};
using Scenario = std::function<ScenarioEnd(const std::filesystem::path& directory,
                                           const std::shared_ptr<FaultyFileSystem>& disk)>;

/// The outcomes of a kind of fault, at every operation that was asked for.
struct FaultTally {
    std::uint64_t survived = 0;
    std::uint64_t told = 0;
    std::uint64_t set_aside = 0;
    std::vector<std::string> wrong;    ///< died or diverged: at which operation, and how
    std::vector<std::string> reasons;  ///< why it was set aside
    std::uint64_t met() const { return survived + told + set_aside + wrong.size(); }
};

/// Runs the scenario with the fault at operation 1, 1 + `step`, … until it is not met any more, or
/// `last` at most.
FaultTally at_every_operation(const Scenario& scenario, StorageFault fault, std::uint64_t step,
                              std::uint64_t last);

/// VOUCH_EVERY_FAULT=1: at every operation, up to 2,000 a scenario; else at some.
struct Sweep {
    std::uint64_t step;
    std::uint64_t last;
};
Sweep sweep(std::uint64_t quick_step);

std::string to_text(const FaultTally& tally);

}  // namespace vouch::test
