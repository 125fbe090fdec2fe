#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

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

/// Writes 8 bytes, in one store, and says where they end.
inline std::byte* put_big_endian(std::uint64_t value, std::byte* out) {
    const std::array<std::byte, 8> bytes = big_endian(value);
    std::memcpy(out, bytes.data(), bytes.size());
    return out + bytes.size();
}

/// Writes the lowest `size` bytes of `value`, and says where they end.
constexpr std::byte* put_big_endian(std::uint64_t value, std::byte* out, std::size_t size) {
    for (std::size_t shift = 8 * size; shift > 0; shift -= 8)
        *out++ = static_cast<std::byte>(value >> (shift - 8));
    return out;
}

/// The number that up to 8 bytes are; of none, zero.
constexpr std::uint64_t from_big_endian(std::span<const std::byte> bytes) {
    std::uint64_t value = 0;
    for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::uint64_t>(byte);
    return value;
}

}  // namespace vouch
