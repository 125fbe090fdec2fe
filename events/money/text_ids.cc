// Bytes that are hashed to make the id of a name (the first 16 of SHA-256); vectors:
// schemas/ids.txt
//
//   account   "vouch/account/v1" 0x00 | ledger as 4 bytes big-endian | name in UTF-8 as it is
//   place     "vouch/place/v1" 0x00 | ledger as 4 bytes big-endian | name up to its first '~'
//   command   "vouch/command/v1" 0x00 | name in UTF-8 as it is
//
// The last 4 bytes of the id of an account whose name has a '~' are the first 4 of its place's
// hash.

#include "events/money/text_ids.h"

#include "events/bytes/big_endian.h"
#include "events/bytes/sha256.h"
#include "events/bytes/utf8.h"
#include "events/money/ids.h"

#include <array>
#include <span>

namespace vouch {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kAccountDomain = "vouch/account/v1\0"sv;
constexpr std::string_view kPlaceDomain = "vouch/place/v1\0"sv;
constexpr std::string_view kCommandDomain = "vouch/command/v1\0"sv;
constexpr char kPlaceEnd = '~';

constexpr std::size_t kHexLength = 32;
constexpr std::size_t kUuidLength = 36;
constexpr std::size_t kUlidLength = 26;

constexpr int kNoDigit = -1;

constexpr int lower_hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return kNoDigit;
}

// UUIDs are read in either case (RFC 9562, section 4): one copied from elsewhere must not silently
// become a name.
constexpr int hex_digit(char c) {
    return lower_hex_digit(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
}

constexpr int crockford_digit(char c) {
    constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    const std::size_t at = kAlphabet.find(c);
    return at == std::string_view::npos ? kNoDigit : static_cast<int>(at);
}

constexpr bool is_uuid_dash(std::size_t position) {
    return position == 8 || position == 13 || position == 18 || position == 23;
}

struct SpelledId {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    void append(int digit, unsigned bits) {
        high = (high << bits) | (low >> (64 - bits));
        low = (low << bits) | static_cast<std::uint64_t>(digit);
    }
};

std::optional<SpelledId> parse_hex_id(std::string_view text) {
    SpelledId halves;
    for (const char c : text) {
        const int digit = lower_hex_digit(c);
        if (digit == kNoDigit) return std::nullopt;
        halves.append(digit, 4);
    }
    return halves;
}

std::optional<SpelledId> parse_uuid(std::string_view text) {
    SpelledId halves;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_uuid_dash(i)) {
            if (text[i] != '-') return std::nullopt;
            continue;
        }
        const int digit = hex_digit(text[i]);
        if (digit == kNoDigit) return std::nullopt;
        halves.append(digit, 4);
    }
    return halves;
}

std::optional<SpelledId> parse_ulid(std::string_view text) {
    // 26 characters hold 130 bits: the first may only give three.
    if (text.front() > '7') return std::nullopt;
    SpelledId halves;
    for (const char c : text) {
        const int digit = crockford_digit(c);
        if (digit == kNoDigit) return std::nullopt;
        halves.append(digit, 5);
    }
    return halves;
}

/// The id that `text` spells out; empty when it is a name.
std::optional<SpelledId> parse_spelled(std::string_view text) {
    if (text.size() == kHexLength) return parse_hex_id(text);
    if (text.size() == kUuidLength) return parse_uuid(text);
    if (text.size() == kUlidLength) return parse_ulid(text);
    return std::nullopt;
}

std::span<const std::byte> text_bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
}

std::optional<TextId> parse_id(std::string_view text, std::span<const std::byte> domain,
                               std::span<const std::byte> scope) {
    if (text.empty() || text.size() > kNameMax) return std::nullopt;
    TextId id;
    if (const std::optional<SpelledId> spelled = parse_spelled(text)) {
        id = {spelled->high, spelled->low, false};
    } else {
        if (!is_utf8(text)) return std::nullopt;
        const std::array<std::span<const std::byte>, 3> pieces = {domain, scope, text_bytes(text)};
        const Digest digest = sha256(pieces);
        const std::span<const std::byte> bytes = digest;
        id = {from_big_endian(bytes.first(8)), from_big_endian(bytes.subspan(8, 8)), true};
    }
    if (!AccountId(id.high, id.low).is_usable()) return std::nullopt;
    return id;
}

}  // namespace

std::optional<TextId> parse_account_id(std::string_view text, LedgerId ledger) {
    const std::array<std::byte, 4> scope = big_endian(ledger.value());
    std::optional<TextId> id = parse_id(text, text_bytes(kAccountDomain), scope);
    const std::size_t place_size = text.find(kPlaceEnd);
    if (!id || !id->is_name || place_size == std::string_view::npos) return id;
    const std::array<std::span<const std::byte>, 3> pieces = {
        text_bytes(kPlaceDomain), scope, text_bytes(text.substr(0, place_size))};
    constexpr std::uint64_t kPlaceMask = 0xffffffff;
    const Digest digest = sha256(pieces);
    const std::uint64_t place = from_big_endian(std::span(digest).first(4));
    id->low = (id->low & ~kPlaceMask) | place;
    return id;
}

std::optional<TextId> parse_command_id(std::string_view text) {
    return parse_id(text, text_bytes(kCommandDomain), {});
}

}  // namespace vouch
