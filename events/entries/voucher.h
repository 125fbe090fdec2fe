#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vouch {

/// What a command says of the business behind it, beside what it moves. Kept and shown; nothing is
/// decided by it. Meaning and limits: schemas/command.proto, which has the same names and numbers.

enum class VoucherKind : std::uint8_t {
    none = 0,
    payment = 1,
    top_up = 2,
    withdrawal = 3,
    refund = 4,
    settlement = 5,
    transfer = 6,
    fee = 7,
    fx = 8,
    adjustment = 9,
    chargeback = 10,
    correction = 11,
    closing = 12,
};
/// Empty for none.
std::string_view to_text(VoucherKind kind);
/// Empty also for the empty text: who says a kind says one.
std::optional<VoucherKind> parse_voucher_kind(std::string_view text);

enum class ReferenceType : std::uint8_t {
    order = 1,
    intent = 2,
    attempt = 3,
    settlement = 4,
    channel = 5,
    statement = 6,
};
std::string_view to_text(ReferenceType type);
std::optional<ReferenceType> parse_reference_type(std::string_view text);

struct Reference {
    ReferenceType type = ReferenceType::order;
    std::string_view value;
    friend bool operator==(const Reference&, const Reference&) = default;
};

/// SHA-256 of a document.
using AttachmentDigest = std::array<std::byte, 32>;

struct Attachment {
    static constexpr std::uint64_t kSizeMax = std::uint64_t{1} << 53;

    AttachmentDigest digest{};
    std::string_view media_type;
    std::uint64_t size = 0;  ///< in bytes; 0: not told
    friend bool operator==(const Attachment&, const Attachment&) = default;
};

/// A span of W3C Trace Context; all zero: none.
struct Trace {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::uint64_t span = 0;
    std::uint8_t flags = 0;

    bool is_given() const { return span != 0; }
    friend bool operator==(const Trace&, const Trace&) = default;
};

/// As W3C's header `traceparent` of version 00 has it:
/// "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".
std::string to_text(const Trace& trace);
std::optional<Trace> parse_trace(std::string_view text);

/// 64 lower-case hex digits.
std::string digest_text(const AttachmentDigest& digest);
std::optional<AttachmentDigest> parse_digest(std::string_view text);

inline constexpr std::size_t kReferencesMax = 16;
inline constexpr std::size_t kAttachmentsMax = 8;

}  // namespace vouch
