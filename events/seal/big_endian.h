#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace vouch {

/// Numbers as they stand in what is hashed, authenticated and stored: most significant byte first.
constexpr std::array<std::byte, 4> big_endian(std::uint32_t value) {
    return {static_cast<std::byte>(value >> 24), static_cast<std::byte>(value >> 16),
            static_cast<std::byte>(value >> 8), static_cast<std::byte>(value)};
}

constexpr std::array<std::byte, 8> big_endian(std::uint64_t value) {
    return {static_cast<std::byte>(value >> 56), static_cast<std::byte>(value >> 48),
            static_cast<std::byte>(value >> 40), static_cast<std::byte>(value >> 32),
            static_cast<std::byte>(value >> 24), static_cast<std::byte>(value >> 16),
            static_cast<std::byte>(value >> 8),  static_cast<std::byte>(value)};
}

}  // namespace vouch
