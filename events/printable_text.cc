#include "events/printable_text.h"

#include <algorithm>
#include <cstddef>

namespace vouch {

std::size_t control_bytes(std::string_view text) {
    const auto byte = [text](std::size_t i) -> unsigned {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
    };
    if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
    if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) <= 0x9f) return 2;  // U+0080 to U+009F
    if (byte(0) == 0xd8 && byte(1) == 0x9c) return 2;                     // U+061C
    if (byte(0) != 0xe2) return 0;
    const unsigned rest = byte(1) << 8 | byte(2);
    const bool is_mark = rest == 0x808e || rest == 0x808f        // U+200E, U+200F
                         || (rest >= 0x80a8 && rest <= 0x80ae)   // U+2028 to U+202E
                         || (rest >= 0x81a6 && rest <= 0x81a9);  // U+2066 to U+2069
    return is_mark ? 3 : 0;
}

namespace {

std::string shown(std::string_view text, bool keeps_line_ends) {
    std::string out;
    while (!text.empty()) {
        const bool is_kept = keeps_line_ends && text.front() == '\n';
        const std::size_t control = is_kept ? 0 : control_bytes(text);
        out += control > 0 ? '?' : text.front();
        text.remove_prefix(std::max<std::size_t>(control, 1));
    }
    return out;
}

}  // namespace

std::string printable(std::string_view text) { return shown(text, false); }

std::string printable_lines(std::string_view text) { return shown(text, true); }

}  // namespace vouch
