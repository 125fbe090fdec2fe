#pragma once

#include "events/result.h"
#include "tools/vouch/line_reader.h"

#include <cstdint>
#include <functional>

namespace vouch::cli {

struct CheckedLines {
    std::uint64_t lines = 0;  ///< that are not blank
    std::uint64_t malformed = 0;
};

/// Reads all lines, prints the outcome line of each that is malformed, and sends nothing. Knows of
/// no books: of accounts, holds and entries only what earlier lines say, as far back as
/// StreamDirectory remembers. `progress` is called now and then. Waits for input.
Result<CheckedLines> check_lines(LineReader& input, const std::function<void()>& progress);

}  // namespace vouch::cli
