#include "events/money/shard_of.h"

#include "events/bytes/big_endian.h"
#include "events/check.h"

namespace vouch {

PlaceBytes place_bytes(AccountId account) {
    return big_endian(static_cast<std::uint32_t>(account.low()));
}

ShardId shard_of(AccountId account, std::uint32_t shard_count) {
    VOUCH_ASSERT(shard_count > 0);
    const PlaceBytes bytes = place_bytes(account);
    return ShardId((murmur2(bytes.data(), bytes.size()) & 0x7fffffffU) % shard_count);
}

std::uint32_t murmur2(const std::byte* data, std::size_t size) {
    constexpr std::uint32_t kSeed = 0x9747b28cU;
    constexpr std::uint32_t kMultiplier = 0x5bd1e995U;
    constexpr unsigned kShift = 24;

    const auto byte_at = [data](std::size_t i) { return std::to_integer<std::uint32_t>(data[i]); };
    std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(size);
    const std::size_t whole_words = size / 4 * 4;
    for (std::size_t i = 0; i < whole_words; i += 4) {
        std::uint32_t word =
            byte_at(i) | byte_at(i + 1) << 8 | byte_at(i + 2) << 16 | byte_at(i + 3) << 24;
        word *= kMultiplier;
        word ^= word >> kShift;
        word *= kMultiplier;
        hash = (hash * kMultiplier) ^ word;
    }
    if (whole_words < size) {
        for (std::size_t i = size; i-- > whole_words;)
            hash ^= byte_at(i) << (8 * (i - whole_words));
        hash *= kMultiplier;
    }
    hash ^= hash >> 13;
    hash *= kMultiplier;
    hash ^= hash >> 15;
    return hash;
}

}  // namespace vouch
