#include "projector/answers/text_table.h"

#include <algorithm>
#include <string_view>

namespace vouch::projector {

namespace {

/// Characters, so that columns of names in any script line up (nearly: wide ones count as one).
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
    }));
}

/// How many bytes at the begin of `text` (not empty) would move a terminal or turn round what is
/// beside them: C0 and C1 controls, ends of lines and paragraphs, and marks of writing direction.
std::size_t control_bytes(std::string_view text) {
    const auto byte = [text](std::size_t i) -> unsigned {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
    };
    if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
    if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) <= 0x9f) return 2;   // U+0080 to U+009F
    if (byte(0) == 0xd8 && byte(1) == 0x9c) return 2;                      // U+061C
    if (byte(0) != 0xe2) return 0;
    const unsigned rest = byte(1) << 8 | byte(2);
    const bool is_mark = rest == 0x808e || rest == 0x808f          // U+200E, U+200F
                         || (rest >= 0x80a8 && rest <= 0x80ae)     // U+2028 to U+202E
                         || (rest >= 0x81a6 && rest <= 0x81a9);    // U+2066 to U+2069
    return is_mark ? 3 : 0;
}

/// Names come from outside: none of that must reach the terminal.
std::string printable(std::string_view text) {
    std::string shown;
    while (!text.empty()) {
        const std::size_t control = control_bytes(text);
        shown += control > 0 ? '?' : text.front();
        text.remove_prefix(std::max<std::size_t>(control, 1));
    }
    return shown;
}

}  // namespace

std::string as_text(const Fields& fields) {
    std::size_t widest = 0;
    for (const auto& [name, value] : fields) widest = std::max(widest, width(printable(name)));
    std::string text;
    for (const auto& [name, value] : fields) {
        const std::string shown = printable(name);
        text += shown + std::string(widest - width(shown) + 2, ' ') + printable(value) + "\n";
    }
    return text;
}

Table::Table(std::vector<std::string> head, std::vector<std::size_t> right)
    : right_(std::move(right)) {
    rows_.push_back(std::move(head));
}

void Table::add(std::vector<std::string> row) {
    for (std::string& cell : row) cell = printable(cell);
    rows_.push_back(std::move(row));
}

std::string Table::text() const {
    std::vector<std::size_t> widths(rows_.front().size(), 0);
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
    }
    std::string text;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string blanks(widths[i] - width(row[i]), ' ');
            const bool is_right = std::find(right_.begin(), right_.end(), i) != right_.end();
            line += is_right ? blanks + row[i] : row[i] + blanks;
            line += "  ";
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

}  // namespace vouch::projector
