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

/// Names come from outside: a control character must not reach the terminal.
std::string printable(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    }
    return text;
}

}  // namespace

std::string as_text(const Fields& fields) {
    std::size_t widest = 0;
    for (const auto& [name, value] : fields) widest = std::max(widest, width(name));
    std::string text;
    for (const auto& [name, value] : fields) {
        text += name + std::string(widest - width(name) + 2, ' ') + printable(value) + "\n";
    }
    return text;
}

Table::Table(std::vector<std::string> head, std::vector<std::size_t> right)
    : right_(std::move(right)) {
    rows_.push_back(std::move(head));
}

void Table::add(std::vector<std::string> row) {
    for (std::string& cell : row) cell = printable(std::move(cell));
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
