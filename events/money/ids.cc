// Bytes that are hashed to make the id of a name (the first 16 of SHA-256); vectors:
// schemas/ids.txt
//
//   account   "vouch/account/v1" 0x00 | ledger as 4 bytes big-endian | name in UTF-8 as it is
//   place     "vouch/place/v1" 0x00 | ledger as 4 bytes big-endian | name up to its first '~'
//   command   "vouch/command/v1" 0x00 | name in UTF-8 as it is
//
// The last 4 bytes of the id of an account whose name has a '~' are the first 4 of its place's hash.

#include "events/money/ids.h"

#include "events/check.h"
#include "events/hex.h"
#include "events/seal/big_endian.h"
#include "events/seal/mac.h"

#include <cstring>
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

/// Bytes of the well-formed character that `text` (not empty) begins with; 0 when it begins with
/// none. Source: Unicode 15, table 3-7. The bounds of the second byte exclude overlong forms (after
/// E0 and F0), surrogates (ED) and what lies past U+10FFFF (F4).
std::size_t utf8_character_length(std::string_view text) {
    const auto byte_at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte_at(0);
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (text.size() < length) return 0;

    const unsigned second_min = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned second_max = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (byte_at(1) < second_min || byte_at(1) > second_max) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if ((byte_at(i) & 0xc0) != 0x80) return 0;
    }
    return length;
}

}  // namespace

IdBytes id_bytes(std::uint64_t high, std::uint64_t low) {
    IdBytes bytes;
    put_big_endian(low, put_big_endian(high, bytes.data(), 8), 8);
    return bytes;
}

std::string id_text(std::uint64_t high, std::uint64_t low) {
    return hex(id_bytes(high, low));
}

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

PlaceBytes place_bytes(AccountId account) {
    return big_endian(static_cast<std::uint32_t>(account.low()));
}

ShardId shard_of(AccountId account, std::uint32_t shard_count) {
    VOUCH_ASSERT(shard_count > 0);
    const PlaceBytes bytes = place_bytes(account);
    return ShardId((murmur2(bytes.data(), bytes.size()) & 0x7fffffffU) % shard_count);
}

std::uint32_t murmur2(const std::byte* data, std::size_t size) {
    constexpr std::uint32_t kSeed = 0x9747b28cU;
    constexpr std::uint32_t kMultiplier = 0x5bd1e995U;
    constexpr unsigned kShift = 24;

    const auto byte_at = [data](std::size_t i) { return std::to_integer<std::uint32_t>(data[i]); };
    std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(size);
    const std::size_t whole_words = size / 4 * 4;
    for (std::size_t i = 0; i < whole_words; i += 4) {
        std::uint32_t word =
            byte_at(i) | byte_at(i + 1) << 8 | byte_at(i + 2) << 16 | byte_at(i + 3) << 24;
        word *= kMultiplier;
        word ^= word >> kShift;
        word *= kMultiplier;
        hash = (hash * kMultiplier) ^ word;
    }
    if (whole_words < size) {
        for (std::size_t i = size; i-- > whole_words;)
            hash ^= byte_at(i) << (8 * (i - whole_words));
        hash *= kMultiplier;
    }
    hash ^= hash >> 13;
    hash *= kMultiplier;
    hash ^= hash >> 15;
    return hash;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        // Nearly all text is ASCII: eight bytes at a time while that holds.
        std::uint64_t word = 0;
        if (text.size() >= sizeof word) {
            std::memcpy(&word, text.data(), sizeof word);
            if ((word & 0x8080808080808080ULL) == 0) {
                text.remove_prefix(sizeof word);
                continue;
            }
        }
        const std::size_t length = utf8_character_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

}  // namespace vouch
