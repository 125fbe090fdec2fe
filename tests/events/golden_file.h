#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {

/// Bytes written as hex digits. Throws std::invalid_argument for anything else.
inline std::vector<std::byte> from_hex(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    if (text.size() % 2 != 0) throw std::invalid_argument("hex of odd length");
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const std::size_t high = kDigits.find(text[i]);
        const std::size_t low = kDigits.find(text[i + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos)
            throw std::invalid_argument("not hex");
        bytes.push_back(static_cast<std::byte>(high * 16 + low));
    }
    return bytes;
}

inline std::string to_hex(std::span<const std::byte> bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const std::byte byte : bytes) {
        text.push_back(kDigits[std::to_integer<std::size_t>(byte >> 4)]);
        text.push_back(kDigits[std::to_integer<std::size_t>(byte & std::byte{0x0f})]);
    }
    return text;
}

inline std::string to_hex(std::string_view bytes) {
    return to_hex(std::as_bytes(std::span(bytes)));
}

/// A file of tests/golden, which is always there.
inline std::ifstream open_golden(const std::string& name) {
    std::ifstream file(std::string(VOUCH_GOLDEN) + '/' + name);
    if (!file) throw std::runtime_error("no golden file " + name);
    return file;
}

inline nlohmann::json read_golden_json(const std::string& name) {
    std::ifstream file = open_golden(name);
    return nlohmann::json::parse(file);
}

}  // namespace vouch::test
