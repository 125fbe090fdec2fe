#include "events/bytes/utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vouch {
namespace {

/// Bytes of the well-formed character that `text` (not empty) begins with; 0 when it begins with
/// none. Source: Unicode 15, table 3-7. The bounds of the second byte exclude overlong forms (after
/// E0 and F0), surrogates (ED) and what lies past U+10FFFF (F4).
std::size_t utf8_character_length(std::string_view text) {
    const auto byte_at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte_at(0);
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (text.size() < length) return 0;

    const unsigned second_min = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned second_max = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (byte_at(1) < second_min || byte_at(1) > second_max) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if ((byte_at(i) & 0xc0) != 0x80) return 0;
    }
    return length;
}

}  // namespace

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        // Nearly all text is ASCII: eight bytes at a time while that holds.
        std::uint64_t word = 0;
        if (text.size() >= sizeof word) {
            std::memcpy(&word, text.data(), sizeof word);
            if ((word & 0x8080808080808080ULL) == 0) {
                text.remove_prefix(sizeof word);
                continue;
            }
        }
        const std::size_t length = utf8_character_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

}  // namespace vouch
