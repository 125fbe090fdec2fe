#include "events/entries/voucher.h"

#include "events/bytes/big_endian.h"
#include "events/bytes/hex.h"

namespace vouch {
namespace {

constexpr std::string_view kTraceVersion = "00";
constexpr std::size_t kTraceLength = 55;

/// Lower-case hex digits, at most 16. Empty for anything else.
std::optional<std::uint64_t> parse_hex(std::string_view text) {
    std::uint64_t value = 0;
    for (const char c : text) {
        const bool is_decimal = c >= '0' && c <= '9';
        if (!is_decimal && (c < 'a' || c > 'f')) return std::nullopt;
        value = value << 4 | static_cast<std::uint64_t>(is_decimal ? c - '0' : c - 'a' + 10);
    }
    return value;
}

}  // namespace

std::string_view to_text(VoucherKind kind) {
    switch (kind) {
        case VoucherKind::none:
            return "";
        case VoucherKind::payment:
            return "payment";
        case VoucherKind::top_up:
            return "top_up";
        case VoucherKind::withdrawal:
            return "withdrawal";
        case VoucherKind::refund:
            return "refund";
        case VoucherKind::settlement:
            return "settlement";
        case VoucherKind::transfer:
            return "transfer";
        case VoucherKind::fee:
            return "fee";
        case VoucherKind::fx:
            return "fx";
        case VoucherKind::adjustment:
            return "adjustment";
        case VoucherKind::chargeback:
            return "chargeback";
        case VoucherKind::correction:
            return "correction";
        case VoucherKind::closing:
            return "closing";
    }
    return "";
}

std::optional<VoucherKind> parse_voucher_kind(std::string_view text) {
    for (auto kind = VoucherKind::payment; kind <= VoucherKind::closing;
         kind = static_cast<VoucherKind>(static_cast<std::uint8_t>(kind) + 1)) {
        if (to_text(kind) == text) return kind;
    }
    return std::nullopt;
}

std::string_view to_text(ReferenceType type) {
    switch (type) {
        case ReferenceType::order:
            return "order";
        case ReferenceType::intent:
            return "intent";
        case ReferenceType::attempt:
            return "attempt";
        case ReferenceType::settlement:
            return "settlement";
        case ReferenceType::channel:
            return "channel";
        case ReferenceType::statement:
            return "statement";
    }
    return "";
}

std::optional<ReferenceType> parse_reference_type(std::string_view text) {
    for (auto type = ReferenceType::order; type <= ReferenceType::statement;
         type = static_cast<ReferenceType>(static_cast<std::uint8_t>(type) + 1)) {
        if (to_text(type) == text) return type;
    }
    return std::nullopt;
}

std::string to_text(const Trace& trace) {
    std::string text(kTraceVersion);
    text.push_back('-');
    append_hex(text, big_endian(trace.high));
    append_hex(text, big_endian(trace.low));
    text.push_back('-');
    append_hex(text, big_endian(trace.span));
    text.push_back('-');
    append_hex(text, std::array{static_cast<std::byte>(trace.flags)});
    return text;
}

std::optional<Trace> parse_trace(std::string_view text) {
    if (text.size() != kTraceLength || !text.starts_with(kTraceVersion)) return std::nullopt;
    if (text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
    const std::optional<std::uint64_t> high = parse_hex(text.substr(3, 16));
    const std::optional<std::uint64_t> low = parse_hex(text.substr(19, 16));
    const std::optional<std::uint64_t> span = parse_hex(text.substr(36, 16));
    const std::optional<std::uint64_t> flags = parse_hex(text.substr(53, 2));
    if (!high || !low || !span || !flags) return std::nullopt;
    if ((*high | *low) == 0 || *span == 0) return std::nullopt;
    return Trace{*high, *low, *span, static_cast<std::uint8_t>(*flags)};
}

std::string digest_text(const AttachmentDigest& digest) { return hex(digest); }

std::optional<AttachmentDigest> parse_digest(std::string_view text) {
    AttachmentDigest digest;
    if (text.size() != 2 * digest.size()) return std::nullopt;
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const std::optional<std::uint64_t> byte = parse_hex(text.substr(2 * i, 2));
        if (!byte) return std::nullopt;
        digest[i] = static_cast<std::byte>(*byte);
    }
    return digest;
}

}  // namespace vouch
