#pragma once

#include <string>
#include <string_view>

namespace vouch {

/// True for what reads as an id in the other case: 32 hex digits, some of them upper-case, and a
/// ULID with lower-case letters. Both would be names (ids.h), and so other ids than the ones that
/// are meant. What comes in as JSON, over HTTP or as an argument is refused instead. Records keep
/// what was taken before.
bool is_look_alike(std::string_view text);

/// What was expected, and by which id, in hexadecimal, older books know what has this text.
std::string look_alike_detail(std::string_view text, const std::string& id);

}  // namespace vouch
