#pragma once

#include <charconv>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace vouch {

/// False when `text` is anything but decimal digits of a number that fits: no sign, no blanks.
template <class Unsigned>
bool read_number(std::string_view text, Unsigned& number) {
    static_assert(std::is_unsigned_v<Unsigned>);
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number);
    return error == std::errc() && stopped == end;
}

}  // namespace vouch
