// An archive is one file:
//
//   archive = "vouch archive 1\n" deployment shard* trailer
//   frame   = type (1 byte) | size (4 bytes, big-endian) | that many bytes
//   deployment = frame 'D': the Deployment message as stored at creation
//   shard      = frame 'S': shard (4 bytes) | next record (8 bytes), big-endian;
//                then as many frames 'R', records 0, 1, 2… of the shard: SealedRecord bytes as
//                stored; no bytes of one that could not be read
//   trailer    = frame 'T': a SealedTrailer (schemas/record.proto)
//
// Shards stand in order, all of the deployment's. Nothing follows the trailer. There are no
// checksums: each record has its MAC, and the trailer names each shard's last digest.
#include "reconciler/archive/archive_form.h"

#include "events/bytes/big_endian.h"
#include "events/bytes/wire.h"

#include <algorithm>
#include <functional>
#include <string>

namespace vouch::reconciler {

namespace {

template <class Unsigned>
void put(Bytes& out, Unsigned value) {
    const auto bytes = big_endian(value);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

using Reader = wire::Reader<false>;

/// The content of `field`, when it comes next.
std::optional<Reader> take_bytes(Reader& from, std::uint32_t field) {
    std::uint64_t tag = 0;
    Reader content;
    if (!from.varint(tag) || tag != wire::bytes_tag(field) || !from.bytes(content))
        return std::nullopt;
    return content;
}
/// The number in `field`; zero, and nothing taken, when another field comes next.
std::optional<std::uint64_t> take_number(Reader& from, std::uint32_t field) {
    Reader ahead = from;
    std::uint64_t tag = 0;
    std::uint64_t value = 0;
    if (!ahead.varint(tag) || tag != wire::varint_tag(field)) return 0;
    if (!ahead.varint(value)) return std::nullopt;
    from = ahead;
    return value;
}

/// A digest in `field`, when it comes next and has the size of one.
std::optional<Digest> take_digest(Reader& from, std::uint32_t field) {
    const auto taken = take_bytes(from, field);
    Digest digest{};
    if (!taken || taken->size() != digest.size()) return std::nullopt;
    std::copy_n(taken->position(), digest.size(), digest.begin());
    return digest;
}

/// The message that `fill` writes into whatever it is given.
template <class Fill>
Bytes message_of(const Fill& fill) {
    wire::Counter counter;
    fill(counter);
    Bytes out(counter.size() + wire::kWriterSlack);
    wire::Writer writer(out.data());
    fill(writer);
    out.resize(counter.size());
    return out;
}
std::string_view text_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<ArchivedEnd> read_end(Reader bytes) {
    const auto shard = take_number(bytes, 1);
    const auto next_record = take_number(bytes, 2);
    const auto digest = take_digest(bytes, 3);
    if (!shard || *shard >= kShardsMax || !next_record || !digest) return std::nullopt;
    const ShardId of(static_cast<std::uint32_t>(*shard));
    ArchivedEnd end{of, RecordNumber(*next_record), *digest};
    if (bytes.at_end()) return end;
    const auto seen = take_number(bytes, 4);
    const auto seen_digest = take_digest(bytes, 5);
    if (!seen || *seen <= *next_record || !seen_digest || !bytes.at_end()) return std::nullopt;
    end.seen = ViewPosition{of, RecordNumber(*seen), *seen_digest};
    return end;
}

bool is_plain(char c) { return c >= ' ' && c <= '~'; }

/// Archives come from anywhere, and this is shown to people.
std::optional<std::string> take_text(Reader& from, std::uint32_t field) {
    const auto taken = take_bytes(from, field);
    if (!taken || taken->at_end() || taken->size() > kUnreadableEndBytesMax) return std::nullopt;
    const std::string text(taken->text());
    return std::ranges::all_of(text, is_plain) ? std::optional(text) : std::nullopt;
}

}  // namespace

std::array<std::byte, kFrameHeaderSize> write_frame_header(ArchiveFrame header) {
    Bytes bytes{static_cast<std::byte>(header.type)};
    put(bytes, header.size);
    std::array<std::byte, kFrameHeaderSize> out{};
    std::ranges::copy(bytes, out.begin());
    return out;
}

std::optional<ArchiveFrame> read_frame_header(std::span<const std::byte, kFrameHeaderSize> bytes) {
    const ArchiveFrame header{static_cast<FrameType>(bytes[0]),
                             static_cast<std::uint32_t>(from_big_endian(bytes.subspan(1)))};
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
    return ShardFrame{ShardId(static_cast<std::uint32_t>(from_big_endian(bytes.first(4)))),
                      RecordNumber(from_big_endian(bytes.subspan(4)))};
}

Bytes write_trailer(std::span<const ArchivedEnd> ends, std::string_view unreadable_end) {
    std::string text(unreadable_end.substr(0, kUnreadableEndBytesMax));
    // What could not be read back would cost the archive its trailer.
    std::ranges::replace_if(text, std::not_fn(is_plain), '?');
    return message_of([&](auto& out) {
        for (const ArchivedEnd& end : ends) {
            out.message(1, [&] {
                out.varint(1, end.shard.value());
                out.varint(2, end.next_record.value());
                out.text(3, text_of(end.last_digest));
                if (!end.seen) return;
                out.varint(4, end.seen->next_record.value());
                out.text(5, text_of(end.seen->digest));
            });
        }
        out.text(2, text);
    });
}

Bytes write_sealed_trailer(ByteView trailer, const Tag& tag) {
    return message_of([&](auto& out) {
        out.text(1, text_of(trailer));
        out.text(2, text_of(tag));
    });
}

std::optional<ArchiveTrailer> read_sealed_trailer(ByteView bytes) {
    Reader sealed(bytes.data(), bytes.size());
    auto rest = take_bytes(sealed, 1);
    const auto tag = take_digest(sealed, 2);
    if (!rest || !tag || !sealed.at_end()) return std::nullopt;
    ArchiveTrailer trailer;
    trailer.bytes.assign(rest->position(), rest->position() + rest->size());
    trailer.tag = *tag;
    while (!rest->at_end()) {
        // Last, where it is there.
        Reader after = *rest;
        if (const auto text = take_text(after, 2); text && after.at_end()) {
            trailer.unreadable_end = *text;
            break;
        }
        const auto end_bytes = take_bytes(*rest, 1);
        const auto end = end_bytes ? read_end(*end_bytes) : std::nullopt;
        // One for each shard, in order.
        if (!end || end->shard.value() != trailer.ends.size()) return std::nullopt;
        trailer.ends.push_back(*end);
    }
    return trailer;
}

Tag trailer_tag(const EpochKeys& keys, ByteView trailer_bytes) {
    constexpr std::string_view kDomain("vouch/archive/v1\0", 17);
    const std::span<const char> domain(kDomain);
    std::array<std::byte, 4> size{};
    for (std::size_t i = 0; i < size.size(); ++i)
        size[i] = static_cast<std::byte>(trailer_bytes.size() >> (24 - 8 * i));
    const SecretKey key = keys.archive_key();
    const std::array<ByteView, 3> pieces{std::as_bytes(domain), size, trailer_bytes};
    return Mac(key).tag(pieces);
}

}  // namespace vouch::reconciler
