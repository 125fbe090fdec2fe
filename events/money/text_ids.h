#pragma once

#include "events/money/number.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vouch {

/// An id as people write it. 32 lower-case hex digits, a UUID with dashes or a ULID (26 characters
/// of Crockford's alphabet, upper case) give their 16 bytes and no name; any other text of 1 to 255
/// bytes of UTF-8 is a name, and its id is a hash of it (formula: text_ids.cc; vectors:
/// schemas/ids.txt). Empty for other lengths, invalid UTF-8, and ids that are not usable.
///
/// What stands before the first `~` of an account's name is its *place*: accounts of one place
/// (`u-17~cash`, `u-17~pending`) have the same last 4 bytes of id, and so the same shard.
struct TextId {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    bool is_name = false;
};
std::optional<TextId> parse_account_id(std::string_view text, LedgerId ledger);
std::optional<TextId> parse_command_id(std::string_view text);

inline constexpr std::size_t kNameMax = 255;

}  // namespace vouch
