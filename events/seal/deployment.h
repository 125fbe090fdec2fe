#pragma once

#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/result.h"
#include "events/seal/mac.h"

#include <cstdint>
#include <string>
#include <vector>

namespace vouch {

/// What a deployment is, fixed at its creation (schemas/record.proto, Deployment).
struct Deployment {
    DeploymentId id;
    std::uint64_t chain_high = 0;
    std::uint64_t chain_low = 0;
    std::uint32_t shards = 1;
    bool test_clock = false;
    Timestamp created_at;

    /// The previous digest of every shard's record 0: a digest of the message's bytes as stored.
    Digest genesis_tag{};
};

inline constexpr std::uint32_t kShardsMax = 1024;
inline constexpr std::uint32_t kDeploymentFormat = 1;

/// A new one with random ids, and its bytes to store.
struct NewDeployment {
    Deployment deployment;
    std::vector<std::byte> bytes;
};
NewDeployment make_deployment(std::uint32_t shards, bool test_clock, Timestamp now);

/// Reads stored bytes. `configuration` for another format or contents out of range.
Result<Deployment> parse_deployment(std::span<const std::byte> bytes);

}  // namespace vouch
