// A cursor's bytes, whose hexadecimal digits are its text. Numbers are big-endian.
//
//   check     8   the first bytes of SHA-256 of "vouch/cursor/v1" 0x00 and all that follows
//   books    16   the deployment's id
//   route     8   the first bytes of SHA-256 of the filters and the route's path
//   ledger    4
//   account  16   zeros: of all accounts
//   time      9   0 and zeros: of now; 1 and the time; 2 and zeros: of any time
//   place         the rest, at most 128

#include "tools/server/http/api/page_cursor.h"

#include "events/bytes/big_endian.h"
#include "events/bytes/hex.h"
#include "events/bytes/sha256.h"
#include "events/money/rfc3339.h"
#include "events/seal/mac.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace vouch::http {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kCheckDomain = "vouch/cursor/v1\0"sv;
constexpr std::size_t kHashSize = 8;
constexpr std::size_t kBoundSize = 16 + kHashSize + 4 + 16 + 9;
static_assert(2 * (kHashSize + kBoundSize + kCursorPlaceMax) <= kCursorTextMax);

enum class OfTime : std::uint8_t { now, given, any };

using Octets = std::vector<std::byte>;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

void append(Octets& out, std::span<const std::byte> bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

Octets hash_of(std::span<const std::byte> domain, std::span<const std::byte> bytes) {
    const std::array<std::span<const std::byte>, 2> pieces = {domain, bytes};
    const Digest digest = sha256(pieces);
    return {digest.begin(), digest.begin() + kHashSize};
}

void append_time(Octets& out, OfTime of, Timestamp at) {
    out.push_back(static_cast<std::byte>(of));
    append(out, big_endian(static_cast<std::uint64_t>(at.value())));
}

/// Of lower-case digits alone: a text has one spelling.
std::optional<Octets> parse_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    Octets out;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        unsigned value = 0;
        for (const char c : text.substr(i, 2)) {
            const bool is_decimal = c >= '0' && c <= '9';
            if (!is_decimal && (c < 'a' || c > 'f')) return std::nullopt;
            value = value * 16 + static_cast<unsigned>(is_decimal ? c - '0' : c - 'a' + 10);
        }
        out.push_back(static_cast<std::byte>(value));
    }
    return out;
}

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

WrongCursor does_not_fit(std::string_view parameter, const std::string& of) {
    return {std::string(parameter) + ": does not fit the cursor, which is " + of};
}

/// Takes the parts of a cursor one after the other.
class Parts {
public:
    explicit Parts(std::span<const std::byte> bytes) : left_(bytes) {}
    std::span<const std::byte> take(std::size_t size) {
        const std::span<const std::byte> part = left_.first(size);
        left_ = left_.subspan(size);
        return part;
    }
    std::span<const std::byte> rest() const { return left_; }

private:
    std::span<const std::byte> left_;
};

std::optional<WrongCursor> wrong_time(std::span<const std::byte> part,
                                      std::optional<Timestamp> at) {
    const auto of = static_cast<OfTime>(part[0]);
    const Timestamp time(static_cast<std::int64_t>(from_big_endian(part.subspan(1))));
    if (of == OfTime::any) return std::nullopt;
    const std::optional<Timestamp> bound =
        of == OfTime::given ? std::optional(time) : std::nullopt;
    if (bound == at) return std::nullopt;
    return does_not_fit("at", bound ? "of at=" + to_rfc3339(time)
                                    : "of a question without at");
}

}  // namespace

std::string cursor_text(const PageQuestion& question, CursorUse use, std::string_view place) {
    Octets bound;
    append(bound, id_bytes(question.books));
    append(bound, hash_of(bytes_of(question.filters), bytes_of(question.route)));
    append(bound, big_endian(question.ledger.value()));
    append(bound, id_bytes(question.account));
    if (use == CursorUse::follow) {
        append_time(bound, OfTime::any, Timestamp(0));
    } else {
        append_time(bound, question.at ? OfTime::given : OfTime::now,
                    question.at.value_or(Timestamp(0)));
    }
    append(bound, bytes_of(place));
    return hex(hash_of(bytes_of(kCheckDomain), bound)) + hex(bound);
}

std::variant<CursorPlace, WrongCursor> read_cursor(std::string_view text,
                                                   const PageQuestion& question) {
    const WrongCursor malformed{"cursor: malformed: expected what an earlier page gave as next or "
                                "follow, as it is"};
    if (text.size() > kCursorTextMax) return malformed;
    const std::optional<Octets> bytes = parse_hex(text);
    if (!bytes || bytes->size() < kHashSize + kBoundSize) return malformed;
    Parts parts(*bytes);
    const std::span<const std::byte> check = parts.take(kHashSize);
    if (!std::ranges::equal(check, hash_of(bytes_of(kCheckDomain), parts.rest()))) return malformed;

    if (!std::ranges::equal(parts.take(16), id_bytes(question.books)))
        return WrongCursor{"cursor: is one of other books"};
    const Octets route = hash_of(bytes_of(question.filters), bytes_of(question.route));
    if (!std::ranges::equal(parts.take(kHashSize), route))
        return WrongCursor{"cursor: is one of another route, or of other filters"};
    const auto ledger = static_cast<std::uint32_t>(from_big_endian(parts.take(4)));
    if (ledger != question.ledger.value())
        return does_not_fit("ledger", "of ledger " + std::to_string(ledger));
    const std::span<const std::byte> account = parts.take(16);
    if (!std::ranges::equal(account, id_bytes(question.account)))
        return does_not_fit("account", "of the account whose id is " + hex(account));
    if (std::optional<WrongCursor> wrong = wrong_time(parts.take(9), question.at)) return *wrong;
    return CursorPlace{std::string(text_of(parts.rest()))};
}

}  // namespace vouch::http
