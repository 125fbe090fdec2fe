#pragma once

#include "events/money/ids.h"
#include "events/money/number.h"

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace vouch::http {

/// What a page was asked of. Its cursors go on with the same question and with no other.
struct PageQuestion {
    DeploymentId books;
    std::string_view route;  ///< the path of the table of routes; each has one order of rows
    std::string filters{};  ///< which rows are wanted, as text; empty: all
    LedgerId ledger;
    AccountId account;  ///< zero: of all
    std::optional<Timestamp> at;
};

/// `next` goes on with a page of the same time. `follow` is asked again later, about any time.
enum class CursorUse : std::uint8_t { next, follow };

/// Hexadecimal digits for callers to give back as they are, at most kCursorTextMax. `place` is
/// where the page ended, at most kCursorPlaceMax bytes.
std::string cursor_text(const PageQuestion& question, CursorUse use, std::string_view place);
inline constexpr std::size_t kCursorPlaceMax = 128;
inline constexpr std::size_t kCursorTextMax = 512;

struct CursorPlace {
    std::string text;
};
struct WrongCursor {
    std::string detail;  ///< which parameter does not fit, and what would
};
/// The place, when the cursor is whole and of this question.
std::variant<CursorPlace, WrongCursor> read_cursor(std::string_view text,
                                                   const PageQuestion& question);

}  // namespace vouch::http
