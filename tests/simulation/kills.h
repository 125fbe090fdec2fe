#pragma once

#include <cstddef>
#include <cstdint>

namespace vouch::test {

/// Kills a handler so many times and checks everything (KillCampaign). With a test clock outcomes and
/// books must also be those of the same commands sent to a handler that nobody disturbs.
void survive_kills(std::uint64_t seed, std::size_t kills, bool test_clock, bool follows);

}  // namespace vouch::test
