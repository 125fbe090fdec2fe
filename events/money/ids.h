#pragma once

#include "events/money/number.h"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace vouch {

/// 128 bits that name something, in two halves; byte 0 is the top byte of `high`.
template <class Tag>
class Id {
public:
    constexpr Id() = default;
    constexpr Id(std::uint64_t high, std::uint64_t low) : high_(high), low_(low) {}

    constexpr std::uint64_t high() const { return high_; }
    constexpr std::uint64_t low() const { return low_; }
    /// Zero and all-ones name nothing and are refused wherever an id comes in.
    constexpr bool is_usable() const {
        return !(high_ == 0 && low_ == 0) && !(high_ == ~0ULL && low_ == ~0ULL);
    }
    constexpr bool is_zero() const { return high_ == 0 && low_ == 0; }

    friend constexpr auto operator<=>(const Id&, const Id&) = default;

private:
    std::uint64_t high_ = 0;
    std::uint64_t low_ = 0;
};

using AccountId = Id<struct AccountIdTag>;
/// A command's id: its idempotency key, and the id of the entry or hold that it makes.
using CommandId = Id<struct CommandIdTag>;
using DeploymentId = Id<struct DeploymentIdTag>;
/// Drawn when books are made: another file `deployment` of the same id is another chain.
using ChainId = Id<struct ChainIdTag>;

using IdBytes = std::array<std::byte, 16>;
IdBytes id_bytes(std::uint64_t high, std::uint64_t low);
template <class Tag>
IdBytes id_bytes(Id<Tag> id) {
    return id_bytes(id.high(), id.low());
}

/// 32 lower-case hex digits.
std::string id_text(std::uint64_t high, std::uint64_t low);
template <class Tag>
std::string id_text(Id<Tag> id) {
    return id_text(id.high(), id.low());
}

/// An id as people write it. 32 lower-case hex digits, a UUID with dashes or a ULID (26 characters
/// of Crockford's alphabet, upper case) give their 16 bytes and no name; any other text of 1 to 255
/// bytes of UTF-8 is a name, and its id is a hash of it (formula: ids.cc; vectors:
/// schemas/ids.txt). Empty for other lengths, invalid UTF-8, and ids that are not usable.
///
/// What stands before the first `~` of an account's name is its *place*: accounts of one place
/// (`u-17~cash`, `u-17~pending`) have the same last 4 bytes of id, and so the same shard.
struct TextId {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    bool is_name = false;
};
std::optional<TextId> parse_account_id(std::string_view text, LedgerId ledger);
std::optional<TextId> parse_command_id(std::string_view text);

inline constexpr std::size_t kNameMax = 255;

/// The last 4 bytes of an account's id, which its shard follows from: in a ULID or UUIDv7 the first
/// are time. The key on Kafka of commands that it decides.
using PlaceBytes = std::array<std::byte, 4>;
PlaceBytes place_bytes(AccountId account);

/// Shard of an account: murmur2 of its place bytes, as Java's default partitioner computes it.
ShardId shard_of(AccountId account, std::uint32_t shard_count);

/// Java's murmur2 over any bytes (seed 0x9747b28c), before the sign bit is cleared.
std::uint32_t murmur2(const std::byte* data, std::size_t size);

/// Of an id in a ledger, for tables: they are chosen by others.
template <class Tag>
std::uint64_t keyed_hash(const HashKey& key, LedgerId ledger, Id<Tag> id) {
    return keyed_hash(key, ledger.value(), id.high(), id.low());
}

/// True for well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF).
bool is_utf8(std::string_view text);

}  // namespace vouch

template <class Tag>
struct std::hash<vouch::Id<Tag>> {
    std::size_t operator()(const vouch::Id<Tag>& id) const noexcept {
        return static_cast<std::size_t>(
            vouch::keyed_hash(vouch::HashKey::of_process(), id.high(), id.low()));
    }
};
