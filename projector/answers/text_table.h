#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace vouch::projector {

// Names come from outside: nothing in them moves a terminal (events/printable_text.h).

/// Names and values, one pair a line, the values aligned.
using Fields = std::vector<std::pair<std::string, std::string>>;
std::string as_text(const Fields& fields);

/// On a terminal a long name must not push all else off the line. Elsewhere names are whole.
enum class Cells : std::uint8_t { whole, narrow };
inline constexpr std::size_t kNarrowCellMax = 40;  ///< columns

/// Rows of texts with a head; columns named in `right` are aligned to the right. Those are amounts,
/// and never cut.
class Table {
public:
    explicit Table(std::vector<std::string> head, std::vector<std::size_t> right = {},
                   Cells cells = Cells::whole);
    void add(std::vector<std::string> row);
    std::string text() const;

private:
    bool is_right(std::size_t column) const;

    std::vector<std::vector<std::string>> rows_;
    std::vector<std::size_t> right_;
    Cells cells_;
};

}  // namespace vouch::projector
