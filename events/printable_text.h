#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vouch {

/// How many bytes at the begin of `text` (not empty) are not for a terminal; 0: it is for one.
std::size_t control_bytes(std::string_view text);

/// Text from outside, for a terminal: what would move it or turn round what stands beside it (C0
/// and C1 controls, ends of lines and paragraphs, marks of writing direction) is a `?`.
std::string printable(std::string_view text);
/// The same of several lines, whose ends stay.
std::string printable_lines(std::string_view text);

}  // namespace vouch
