#pragma once

#include "tests/model/differential.h"
#include "tests/model/generator.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace vouch::test {

/// What plays over several shards came across.
struct AcrossCoverage {
    Coverage outcomes;
    std::size_t commands = 0;
    std::size_t left_out = 0;
    std::size_t by_sides = 0;   ///< refused otherwise than by one shard, as foretold
    std::size_t unsaid = 0;     ///< refused, where it was not foretold how
    std::size_t overflows = 0;  ///< where what came back had filled both sides of an account
    std::size_t crossings = 0;
    std::size_t crossings_refused = 0;  ///< by the payee's shard
    std::size_t most_under_way = 0;     ///< steps, at one moment
    std::size_t scenarios = 0;
    std::size_t cut = 0;  ///< of them, not compared to their ends (ShardBooks::holds_cut)

    void add(const AcrossCoverage& other);
};
std::string render(const AcrossCoverage& coverage);

/// Plays `scenario` on the cores of so many shards, each command final before the next, and
/// compares every answer, balance and hold with the one-shard model's, and the books of the shards
/// with what must be so at every moment (ShardBooks).
std::optional<Difference> find_difference_when_final(const Scenario& scenario, std::uint32_t shards,
                                                     AcrossCoverage& coverage);

/// Plays it without waiting: steps are taken at once, later or much later, by random pairs, with
/// commands and restarts in between. Compares the books at every moment with what must be so, and
/// where they end with what the model makes of all that was accepted. The scenario's seed chooses
/// the interleaving too.
std::optional<Difference> find_difference_interleaved(const Scenario& scenario,
                                                      std::uint32_t shards,
                                                      AcrossCoverage& coverage);

}  // namespace vouch::test
