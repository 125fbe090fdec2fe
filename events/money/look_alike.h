#pragma once

#include <string>
#include <string_view>

namespace vouch {

/// True for what reads as an id in the other case: 32 hex digits, some of them upper-case, and a
/// ULID with lower-case letters. Both are names (ids.h), and so other ids than the ones that are
/// meant. Nothing new gets such a name from JSON; what has one is found by it.
bool is_look_alike(std::string_view text);

/// Why nothing new is named so. Never says to write the same digits otherwise: a command that is
/// sent again under another id is done again.
std::string look_alike_detail(std::string_view text);

}  // namespace vouch
