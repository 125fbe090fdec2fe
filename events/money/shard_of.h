#pragma once

#include "events/money/ids.h"
#include "events/money/number.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace vouch {

/// The last 4 bytes of an account's id, which its shard follows from: in a ULID or UUIDv7 the first
/// are time. The key on Kafka of commands that it decides.
using PlaceBytes = std::array<std::byte, 4>;
PlaceBytes place_bytes(AccountId account);

/// Shard of an account: murmur2 of its place bytes, as Java's default partitioner computes it.
ShardId shard_of(AccountId account, std::uint32_t shard_count);

/// Java's murmur2 over any bytes (seed 0x9747b28c), before the sign bit is cleared.
std::uint32_t murmur2(const std::byte* data, std::size_t size);

}  // namespace vouch
