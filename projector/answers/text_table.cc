#include "projector/answers/text_table.h"

#include "events/printable_text.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>

namespace vouch::projector {

namespace {

struct Range {
    std::uint32_t first;
    std::uint32_t last;
};
/// Whose characters take two columns: of Unicode 15's East Asian wide and full-width ones and its
/// pictures, by whole blocks.
constexpr Range kWide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
                           {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
                           {0xfe30, 0xfe6f},   {0xff01, 0xff60},   {0xffe0, 0xffe6},
                           {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
                           {0x20000, 0x3fffd}};
/// And none: they change the character before them.
constexpr Range kCombining[] = {{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd},
                                {0x064b, 0x065f}, {0x1ab0, 0x1aff}, {0x200b, 0x200d},
                                {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}};

/// What the first character of a text (not empty, UTF-8) takes of it, and of a line.
struct Character {
    std::size_t bytes = 1;
    std::size_t columns = 1;
};
Character first_of(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    Character first;
    std::uint32_t code = lead & (0x7fU >> std::countl_one(lead));
    for (; first.bytes < text.size(); ++first.bytes) {
        const auto next = static_cast<unsigned char>(text[first.bytes]);
        if ((next & 0xc0U) != 0x80U) break;
        code = code << 6 | (next & 0x3fU);
    }
    const auto is_in = [code](const Range& range) {
        return code >= range.first && code <= range.last;
    };
    if (std::ranges::any_of(kWide, is_in)) first.columns = 2;
    if (std::ranges::any_of(kCombining, is_in)) first.columns = 0;
    return first;
}

/// Columns, so that names in any script line up.
std::size_t width(std::string_view text) {
    std::size_t columns = 0;
    while (!text.empty()) {
        const Character first = first_of(text);
        columns += first.columns;
        text.remove_prefix(first.bytes);
    }
    return columns;
}

/// What fits into `max` columns, the last of them an ellipsis where something is left out.
std::string cut_short(std::string_view text, std::size_t max) {
    if (width(text) <= max) return std::string(text);
    std::size_t end = 0;
    for (std::size_t columns = 1; end < text.size();) {
        const Character next = first_of(text.substr(end));
        columns += next.columns;
        if (columns > max) break;
        end += next.bytes;
    }
    return std::string(text.substr(0, end)) + "…";
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

Table::Table(std::vector<std::string> head, std::vector<std::size_t> right, Cells cells)
    : right_(std::move(right)), cells_(cells) {
    rows_.push_back(std::move(head));
}

void Table::add(std::vector<std::string> row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
        row[i] = printable(row[i]);
        if (cells_ == Cells::narrow && !is_right(i)) row[i] = cut_short(row[i], kNarrowCellMax);
    }
    rows_.push_back(std::move(row));
}

bool Table::is_right(std::size_t column) const {
    return std::find(right_.begin(), right_.end(), column) != right_.end();
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
            line += is_right(i) ? blanks + row[i] : row[i] + blanks;
            line += "  ";
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

}  // namespace vouch::projector
