#pragma once

#include "events/money/number.h"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

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

/// Of an id in a ledger, for tables: they are chosen by others.
template <class Tag>
std::uint64_t keyed_hash(const HashKey& key, LedgerId ledger, Id<Tag> id) {
    return keyed_hash(key, ledger.value(), id.high(), id.low());
}

}  // namespace vouch

template <class Tag>
struct std::hash<vouch::Id<Tag>> {
    std::size_t operator()(const vouch::Id<Tag>& id) const noexcept {
        return static_cast<std::size_t>(
            vouch::keyed_hash(vouch::HashKey::of_process(), id.high(), id.low()));
    }
};
