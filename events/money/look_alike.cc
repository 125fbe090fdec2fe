#include "events/money/look_alike.h"

#include <algorithm>
#include <cstddef>

namespace vouch {
namespace {

constexpr std::size_t kHexDigits = 32;
constexpr std::size_t kUlidLetters = 26;

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

bool is_hex_digit(char c) { return (c >= '0' && c <= '9') || (upper(c) >= 'A' && upper(c) <= 'F'); }

bool is_crockford_digit(char c) {
    constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    return kAlphabet.find(upper(c)) != std::string_view::npos;
}

}  // namespace

bool is_look_alike(std::string_view text) {
    if (text.size() == kHexDigits) {
        return std::ranges::all_of(text, is_hex_digit) &&
               std::ranges::any_of(text, [](char c) { return c >= 'A' && c <= 'F'; });
    }
    if (text.size() != kUlidLetters) return false;
    return text.front() >= '0' && text.front() <= '7' &&
           std::ranges::all_of(text, is_crockford_digit) &&
           std::ranges::any_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
}

std::string look_alike_detail(std::string_view text) {
    const bool is_hex = text.size() == kHexDigits;
    return std::string(is_hex ? "an id of hex digits" : "a ULID") +
           " in this case is not taken: it would be another id than the same " +
           (is_hex ? "digits" : "letters") + " in the other case; use " +
           (is_hex ? "lower-case hex digits" : "ULIDs in upper case") + " for new ids";
}

}  // namespace vouch
