#include "reconciler/archive_form.h"

#include <algorithm>
#include <functional>
#include <string>

namespace vouch::reconciler {

namespace {

template <class Unsigned>
void put(Bytes& out, Unsigned value) {
    for (std::size_t shift = sizeof(Unsigned) * 8; shift > 0; shift -= 8) {
        out.push_back(static_cast<std::byte>(value >> (shift - 8)));
    }
}

std::uint64_t get(ByteView bytes) {
    std::uint64_t value = 0;
    for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::uint64_t>(byte);
    return value;
}

// Protobuf, as much of it as a trailer needs: varints and bytes.

constexpr std::uint64_t kVarint = 0;
constexpr std::uint64_t kLengthDelimited = 2;

void put_varint(Bytes& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::byte>(value | 0x80));
    out.push_back(static_cast<std::byte>(value));
}
void put_number(Bytes& out, std::uint64_t field, std::uint64_t value) {
    if (value == 0) return;
    put_varint(out, field << 3 | kVarint);
    put_varint(out, value);
}
void put_bytes(Bytes& out, std::uint64_t field, ByteView bytes) {
    put_varint(out, field << 3 | kLengthDelimited);
    put_varint(out, bytes.size());
    out.insert(out.end(), bytes.begin(), bytes.end());
}

std::optional<std::uint64_t> take_varint(ByteView& bytes) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
        const auto byte = std::to_integer<std::uint64_t>(bytes.front());
        bytes = bytes.subspan(1);
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    return std::nullopt;
}
/// The bytes of `field`, when it comes next.
std::optional<ByteView> take_bytes(ByteView& bytes, std::uint64_t field) {
    if (take_varint(bytes) != (field << 3 | kLengthDelimited)) return std::nullopt;
    const std::optional<std::uint64_t> size = take_varint(bytes);
    if (!size || *size > bytes.size()) return std::nullopt;
    const ByteView taken = bytes.first(*size);
    bytes = bytes.subspan(*size);
    return taken;
}
/// The number in `field`; zero, and nothing taken, when another field comes next.
std::optional<std::uint64_t> take_number(ByteView& bytes, std::uint64_t field) {
    ByteView rest = bytes;
    if (take_varint(rest) != (field << 3 | kVarint)) return 0;
    bytes = rest;
    return take_varint(bytes);
}

/// A digest in `field`, when it comes next and has the size of one.
std::optional<Digest> take_digest(ByteView& bytes, std::uint64_t field) {
    const auto taken = take_bytes(bytes, field);
    Digest digest{};
    if (!taken || taken->size() != digest.size()) return std::nullopt;
    std::ranges::copy(*taken, digest.begin());
    return digest;
}

std::optional<ArchivedEnd> read_end(ByteView bytes) {
    const auto shard = take_number(bytes, 1);
    const auto next_record = take_number(bytes, 2);
    const auto digest = take_digest(bytes, 3);
    if (!shard || *shard >= kShardsMax || !next_record || !digest) return std::nullopt;
    const ShardId of(static_cast<std::uint32_t>(*shard));
    ArchivedEnd end{of, RecordNumber(*next_record), *digest};
    if (bytes.empty()) return end;
    const auto seen = take_number(bytes, 4);
    const auto seen_digest = take_digest(bytes, 5);
    if (!seen || *seen <= *next_record || !seen_digest || !bytes.empty()) return std::nullopt;
    end.seen = ViewPosition{of, RecordNumber(*seen), *seen_digest};
    return end;
}

bool is_plain(char c) { return c >= ' ' && c <= '~'; }

/// Archives come from anywhere, and this is shown to people.
std::optional<std::string> take_text(ByteView& bytes, std::uint64_t field) {
    const auto taken = take_bytes(bytes, field);
    if (!taken || taken->empty() || taken->size() > kUnreadableEndBytesMax) return std::nullopt;
    std::string text;
    for (const std::byte byte : *taken) text.push_back(static_cast<char>(byte));
    return std::ranges::all_of(text, is_plain) ? std::optional(text) : std::nullopt;
}

}  // namespace

std::array<std::byte, kFrameHeaderSize> write_frame_header(FrameHeader header) {
    Bytes bytes{static_cast<std::byte>(header.type)};
    put(bytes, header.size);
    std::array<std::byte, kFrameHeaderSize> out{};
    std::ranges::copy(bytes, out.begin());
    return out;
}

std::optional<FrameHeader> read_frame_header(std::span<const std::byte, kFrameHeaderSize> bytes) {
    const FrameHeader header{static_cast<FrameType>(bytes[0]),
                             static_cast<std::uint32_t>(get(bytes.subspan(1)))};
    const bool is_known = header.type == FrameType::deployment || header.type == FrameType::shard ||
                          header.type == FrameType::record || header.type == FrameType::trailer;
    if (!is_known || header.size > kFrameSizeMax) return std::nullopt;
    return header;
}

Bytes write_shard_frame(const ShardFrame& frame) {
    Bytes out;
    put(out, frame.shard.value());
    put(out, frame.next_record.value());
    return out;
}

std::optional<ShardFrame> read_shard_frame(ByteView bytes) {
    if (bytes.size() != 12) return std::nullopt;
    return ShardFrame{ShardId(static_cast<std::uint32_t>(get(bytes.first(4)))),
                      RecordNumber(get(bytes.subspan(4)))};
}

Bytes write_trailer(std::span<const ArchivedEnd> ends, std::string_view unreadable_end) {
    Bytes out;
    for (const ArchivedEnd& end : ends) {
        Bytes inner;
        put_number(inner, 1, end.shard.value());
        put_number(inner, 2, end.next_record.value());
        put_bytes(inner, 3, end.last_digest);
        if (end.seen) {
            put_number(inner, 4, end.seen->next_record.value());
            put_bytes(inner, 5, end.seen->digest);
        }
        put_bytes(out, 1, inner);
    }
    std::string text(unreadable_end.substr(0, kUnreadableEndBytesMax));
    // What could not be read back would cost the archive its trailer.
    std::ranges::replace_if(text, std::not_fn(is_plain), '?');
    if (!text.empty()) put_bytes(out, 2, std::as_bytes(std::span(text)));
    return out;
}

Bytes write_sealed_trailer(ByteView trailer, const Tag& tag) {
    Bytes out;
    put_bytes(out, 1, trailer);
    put_bytes(out, 2, tag);
    return out;
}

std::optional<ArchiveTrailer> read_sealed_trailer(ByteView bytes) {
    const auto inner = take_bytes(bytes, 1);
    const auto tag = take_bytes(bytes, 2);
    if (!inner || !tag || tag->size() != Tag{}.size() || !bytes.empty()) return std::nullopt;
    ArchiveTrailer trailer;
    trailer.bytes.assign(inner->begin(), inner->end());
    std::ranges::copy(*tag, trailer.tag.begin());
    ByteView rest = *inner;
    while (!rest.empty()) {
        // Last, where it is there.
        ByteView after = rest;
        if (const auto text = take_text(after, 2); text && after.empty()) {
            trailer.unreadable_end = *text;
            break;
        }
        const auto end_bytes = take_bytes(rest, 1);
        const auto end = end_bytes ? read_end(*end_bytes) : std::nullopt;
        // One for each shard, in order.
        if (!end || end->shard.value() != trailer.ends.size()) return std::nullopt;
        trailer.ends.push_back(*end);
    }
    return trailer;
}

}  // namespace vouch::reconciler
