#pragma once

#include <cstdint>
#include <filesystem>

namespace vouch::test {

/// Lays a log out anew, shard after shard, in segments of a few records each, as it is after a long
/// time. Its records have sent no steps.
void write_in_small_segments(const std::filesystem::path& log, std::uint32_t shards);

}  // namespace vouch::test
