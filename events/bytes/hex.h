#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace vouch {

/// Lower-case hexadecimal digits, two a byte. Not of secrets: the text is not wiped.
inline void append_hex(std::string& out, std::span<const std::byte> bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (const std::byte byte : bytes) {
        out.push_back(kDigits[std::to_integer<std::size_t>(byte >> 4)]);
        out.push_back(kDigits[std::to_integer<std::size_t>(byte & std::byte{0x0f})]);
    }
}

inline std::string hex(std::span<const std::byte> bytes) {
    std::string text;
    text.reserve(2 * bytes.size());
    append_hex(text, bytes);
    return text;
}

}  // namespace vouch
