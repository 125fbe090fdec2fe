#pragma once

#include "tests/simulation/fault_tally.h"
#include "tests/simulation/plan.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace vouch::test {

/// What came of one seed or of many: bytes that go from process to process.
struct SeedSum {
    std::uint64_t seeds = 0;
    SimulatedTime time{};
    std::uint64_t commands = 0;
    std::uint64_t accepted = 0;  ///< of them
    FaultTally faults{};
    std::uint64_t stops = 0;
    std::uint64_t stops_alone = 0;
    std::uint64_t views_compared = 0;
    std::uint64_t failed = 0;

    void add(const SeedSum& other);
};

struct SeedReport {
    std::uint64_t seed = 0;
    SeedSum sum;
    std::string text;  ///< for people; mostly empty
};

/// Seeds that are played: from `first` on, below `end`.
struct SeedRange {
    std::uint64_t first = 0;
    std::uint64_t end = 0;
};

using PlaySeed = std::function<SeedReport(std::uint64_t seed)>;
/// False: it is enough.
using TakeReport = std::function<bool(const SeedReport&)>;

inline constexpr std::size_t kJobsMax = 64;

/// Plays the seeds, with several `jobs` in so many processes of their own, and hands over what came
/// of each, in their order, on the calling process. A process that ends in the midst of a seed is a
/// report of that seed, which has failed, and another one goes on. No seed has more than
/// kSeedSecondsMax of processor time: its process ends. The caller has no other threads.
void play_seeds(const SeedRange& seeds, std::size_t jobs, const PlaySeed& play,
                const TakeReport& take);

inline constexpr int kSeedSecondsMax = 120;

}  // namespace vouch::test
