#pragma once

#include <cstddef>
#include <cstdint>

namespace vouch::test {

/// Kills a handler so many times and checks everything (KillCampaign). With a test clock outcomes
/// and books must also be those of the same commands sent to a handler that nobody disturbs.
///
/// A life is killed after at most `new_answers_max` answers beyond those known before.
struct Kills {
    std::uint64_t seed = 1;
    std::size_t kills = 0;
    bool test_clock = true;
    bool follows = true;  ///< a projector runs in about every second life
    std::uint64_t new_answers_max = 400;
    /// Of so many kills at least must come within a commit. The moments are the machine's: few for
    /// few kills.
    std::size_t within_commit_min = 1;
};
void survive_kills(const Kills& kills);

}  // namespace vouch::test
