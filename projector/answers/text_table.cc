#include "projector/answers/text_table.h"

#include "events/printable_text.h"

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

/// The first `max` characters, the last of them an ellipsis where some are left out.
std::string cut_short(std::string_view text, std::size_t max) {
    if (width(text) <= max) return std::string(text);
    std::size_t end = 0;
    for (std::size_t characters = 0; end < text.size(); ++end) {
        const bool is_first = (static_cast<unsigned char>(text[end]) & 0xc0U) != 0x80U;
        if (is_first && ++characters == max) break;
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
