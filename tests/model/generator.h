#pragma once

#include "tests/model/owned_command.h"
#include "tests/specs/spec.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace vouch::test {

/// Commands that arrive together, some time after those before.
struct ScenarioBatch {
    std::int64_t after_us = 0;
    bool restart_first = false;
    std::vector<OwnedCommand> commands;
};

struct Scenario {
    std::uint64_t seed = 0;
    std::uint32_t shards = 1;
    std::vector<ScenarioBatch> batches;
    NameBook names;
};

struct GeneratorOptions {
    std::size_t commands = 200;
    std::size_t batch_max = 8;
    std::uint32_t shards = 1;
};

/// Random commands that get in each other's way: few accounts and small amounts, so that shortness,
/// freezes, closings, repeats, conflicts, expiry and overflow all happen often. The same seed and
/// options give the same commands on every machine.
Scenario make_scenario(std::uint64_t seed, const GeneratorOptions& options);

/// `scenario` as lines of a table, to be pasted into a .spec file; outcomes are left out.
std::string to_spec(const Scenario& scenario);

}  // namespace vouch::test
