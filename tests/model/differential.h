#pragma once

#include "tests/model/generator.h"
#include "tests/support/ledger.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::test {

/// The first place where two ledgers say different things.
struct Difference {
    std::size_t batch = 0;
    std::string text;
};

/// How often each outcome was given, alone and to members of groups.
using Coverage = std::map<Outcome, std::size_t>;

/// Plays `scenario` on the model and on `real`, and compares after every batch: every answer, every
/// event, every account and hold. Counts outcomes into `coverage` when given.
std::optional<Difference> find_difference(const Scenario& scenario, Ledger& real,
                                          Coverage* coverage = nullptr);

using LedgerMaker = std::function<std::unique_ptr<Ledger>()>;

/// A scenario that still makes a difference and has as little as possible in it: fewer batches,
/// fewer commands, plainer commands. Bounded: it plays at most kShrinkPlaysMax scenarios.
Scenario shrink(Scenario scenario, const LedgerMaker& make);
/// The same for anything that fails with it.
using Fails = std::function<bool(const Scenario&)>;
Scenario shrink(Scenario scenario, const Fails& fails);
inline constexpr std::size_t kShrinkPlaysMax = 3'000;

/// Seed, difference, and the shortest sequence as lines of a table.
std::string report(const Scenario& scenario, const LedgerMaker& make);

/// "insufficient_funds 123" by line.
std::string render(const Coverage& coverage);

}  // namespace vouch::test
