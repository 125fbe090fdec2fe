// A stored record is a SealedRecord message in its one canonical form (schemas/record.proto):
//
//   record  = %x0A length header | %x1A %x20 tag | [%x22 length table] | %x2A length body
//   length  = base-128 varint, least significant group first, in as few bytes as it takes
//   tag     = 32 bytes: HMAC-SHA256(key of (shard, epoch), digest)
//   blocks  = SHA-256 of each 2,048 bytes of the body (the last one may be shorter), in their order
//             (4,096 in format 2, which is read and no more written; its digest begins with …/v2)
//   table   = blocks, when there is more than one; left out otherwise
//
//   digest  = SHA-256("vouch/record/v3" 0x00
//                     | length of header as 4 bytes big-endian | header
//                     | length of body   as 4 bytes big-endian | blocks)
//
// The framing itself is under no MAC, so every form but this one is refused: otherwise the same
// sealed record could be stored as different bytes. Golden: tests/golden/seal.json.

#include "events/seal/record.h"

#include "events/bytes/big_endian.h"
#include "events/bytes/sha256.h"
#include "events/bytes/wire.h"
#include "events/check.h"
#include "events/seal/sha256_blocks.h"
#include "record.pb.h"

#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vouch {

namespace {

using namespace std::string_view_literals;

struct Format {
    std::uint32_t number;
    std::size_t block;
    std::string_view tag_domain;
};

constexpr Format kFormats[] = {{2, 4096, "vouch/record/v2\0"sv},
                               {kRecordFormat, kRecordBlock, "vouch/record/v3\0"sv}};
constexpr const Format& kWritten = kFormats[1];

/// Empty for the format of another program.
const Format* find_format(std::uint32_t number) {
    const auto* const found = std::ranges::find(kFormats, number, &Format::number);
    return found == std::end(kFormats) ? nullptr : found;
}

// Field number and wire type 2 (a length, then bytes).
constexpr std::byte kHeaderField{0x0a};
constexpr std::byte kTagField{0x1a};
constexpr std::byte kTableField{0x22};
constexpr std::byte kBodyField{0x2a};

void append_length(std::vector<std::byte>& out, std::size_t length) {
    std::array<std::byte, wire::kVarintMax> bytes;
    out.insert(out.end(), bytes.data(), wire::put_long_varint(bytes.data(), length));
}

void append_field(std::vector<std::byte>& out, std::byte field, std::span<const std::byte> value) {
    out.push_back(field);
    append_length(out, value.size());
    out.insert(out.end(), value.begin(), value.end());
}

/// Takes a length off `bytes`; empty when there is none in its shortest form, of at most 32 bits.
std::optional<std::size_t> take_length(std::span<const std::byte>& bytes) {
    const wire::Varint length =
        wire::read_long_varint(bytes.data(), bytes.data() + bytes.size());
    if (length.size == 0 || !wire::is_minimal(length) || length.value > UINT32_MAX)
        return std::nullopt;
    bytes = bytes.subspan(length.size);
    return length.value;
}

/// Takes the field `field` off `bytes`; empty when they do not begin with it.
std::optional<std::span<const std::byte>> take_field(std::span<const std::byte>& bytes,
                                                     std::byte field) {
    if (bytes.empty() || bytes.front() != field) return std::nullopt;
    std::span<const std::byte> rest = bytes.subspan(1);
    const std::optional<std::size_t> length = take_length(rest);
    if (!length || *length > rest.size()) return std::nullopt;
    bytes = rest.subspan(*length);
    return rest.first(*length);
}

Fault no_record(std::string_view what) {
    return {FaultCode::corrupt, "record: " + std::string(what)};
}

struct FormattedHeader {
    RecordHeader header;
    const Format* format = nullptr;
};

Result<FormattedHeader> parse_header(std::span<const std::byte> bytes) {
    v1::RecordHeader message;
    if (bytes.size() > INT_MAX ||
        !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        return no_record("the header cannot be read");
    }
    const Format* const format = find_format(message.format());
    if (format == nullptr) {
        return no_record("expected format 2 or " + std::to_string(kRecordFormat) + ", found " +
                         std::to_string(message.format()) +
                         (message.format() > kRecordFormat ? ", of a later program"
                                                           : ", of an earlier program"));
    }
    if (!message.GetReflection()->GetUnknownFields(message).empty())
        return no_record("the header has unknown fields");
    if (message.event_count() == 0) return no_record("it has no events");
    RecordHeader header;
    if (message.previous_digest().size() != header.previous_digest.size()) {
        return no_record("the previous digest is not of 32 bytes");
    }
    header.deployment = DeploymentId(message.deployment_high(), message.deployment_low());
    header.chain = ChainId(message.chain_high(), message.chain_low());
    header.shard = ShardId(message.shard());
    header.record = RecordNumber(message.record());
    header.first_event = EventNumber(message.first_event());
    header.event_count = message.event_count();
    header.time = Timestamp(message.time_us());
    header.epoch = Epoch(message.epoch());
    header.term = Term(message.term());
    header.next_command = Offset(message.next_command());
    std::ranges::copy(std::as_bytes(std::span(message.previous_digest())),
                      header.previous_digest.begin());
    header.next_step = Offset(message.next_step());
    return FormattedHeader{header, format};
}

std::string serialise_header(const RecordHeader& header) {
    v1::RecordHeader message;
    message.set_format(kWritten.number);
    message.set_deployment_high(header.deployment.high());
    message.set_deployment_low(header.deployment.low());
    message.set_chain_high(header.chain.high());
    message.set_chain_low(header.chain.low());
    message.set_shard(header.shard.value());
    message.set_record(header.record.value());
    message.set_first_event(header.first_event.value());
    message.set_event_count(header.event_count);
    message.set_time_us(header.time.value());
    message.set_epoch(header.epoch.value());
    message.set_term(header.term.value());
    message.set_next_command(header.next_command.value());
    message.set_previous_digest(header.previous_digest.data(), header.previous_digest.size());
    message.set_next_step(header.next_step.value());
    return message.SerializeAsString();
}

/// A record's parts up to its body, whose bytes need not all be there.
struct Split {
    RecordHeader header;
    const Format* format = nullptr;
    std::span<const std::byte> header_bytes;
    std::span<const std::byte> table;
    Tag tag{};
    std::size_t body_size = 0;
    std::span<const std::byte> rest;  // the body, or as much of it as is there
};

std::size_t block_count(const Format& format, std::size_t body_size) {
    return (body_size + format.block - 1) / format.block;
}

Digest record_digest(const Format& format, std::span<const std::byte> header,
                     std::size_t body_size, std::span<const std::byte> blocks) {
    VOUCH_ASSERT(header.size() <= UINT32_MAX && body_size <= UINT32_MAX);
    const auto header_length = big_endian(static_cast<std::uint32_t>(header.size()));
    const auto body_length = big_endian(static_cast<std::uint32_t>(body_size));
    const std::array<std::span<const std::byte>, 5> pieces = {
        std::as_bytes(std::span(format.tag_domain)), header_length, header, body_length, blocks};
    return sha256(pieces);
}

Result<Split> split(std::span<const std::byte> bytes) {
    const auto header_bytes = take_field(bytes, kHeaderField);
    if (!header_bytes || header_bytes->size() > kRecordHeaderMax)
        return no_record("no header where it should be");
    // Before the rest, so that another format is named as what it is.
    const Result<FormattedHeader> header = parse_header(*header_bytes);
    if (!header) return header.error();
    Split parts;
    parts.header = header->header;
    parts.format = header->format;
    parts.header_bytes = *header_bytes;
    const auto tag = take_field(bytes, kTagField);
    if (!tag || tag->size() != parts.tag.size())
        return no_record("no tag of 32 bytes where it should be");
    std::ranges::copy(*tag, parts.tag.begin());
    const auto table = take_field(bytes, kTableField);
    if (table) parts.table = *table;
    if (bytes.empty() || bytes.front() != kBodyField)
        return no_record("no body where it should be");
    bytes = bytes.subspan(1);
    const std::optional<std::size_t> body_size = take_length(bytes);
    if (!body_size || *body_size == 0 || *body_size > kRecordBodyLimit)
        return no_record("no body of a possible length where it should be");
    parts.body_size = *body_size;
    parts.rest = bytes;
    const std::size_t blocks = block_count(*parts.format, *body_size);
    if (table.has_value() != (blocks > 1) || (table && table->size() != blocks * sizeof(Digest)))
        return no_record("its table is not that of a body of its length");
    return parts;
}

}  // namespace

Result<RecordView> parse_record(std::span<const std::byte> bytes) {
    const Result<Split> parts = split(bytes);
    if (!parts) return parts.error();
    if (parts->rest.size() != parts->body_size)
        return no_record("it does not end where its body does");
    RecordView view;
    view.header = parts->header;
    view.table = parts->table;
    view.body = parts->rest;
    view.block = parts->format->block;
    view.tag = parts->tag;
    if (view.table.empty()) {
        const Digest only = sha256({&view.body, 1});
        view.digest = record_digest(*parts->format, parts->header_bytes, view.body.size(), only);
    } else {
        view.digest =
            record_digest(*parts->format, parts->header_bytes, view.body.size(), view.table);
    }
    return view;
}

bool has_body_of_table(const RecordView& record) {
    // The digest of a body of one block was made from the body.
    if (record.table.empty()) return true;
    std::vector<Digest> found;
    sha256_blocks(record.body, record.block, found);
    return std::ranges::equal(std::as_bytes(std::span(found)), record.table);
}

Result<RecordFront> parse_front(std::span<const std::byte> bytes) {
    const Result<Split> parts = split(bytes);
    if (!parts) return parts.error();
    RecordFront front;
    front.header = parts->header;
    front.tag = parts->tag;
    front.body_offset = bytes.size() - parts->rest.size();
    front.body_size = parts->body_size;
    front.block = parts->format->block;
    front.table.resize(block_count(*parts->format, parts->body_size));
    if (parts->table.empty()) {
        if (parts->rest.size() < parts->body_size) return no_record("it ends before its body does");
        const auto body = parts->rest.first(parts->body_size);
        front.table[0] = sha256({&body, 1});
    } else {
        std::ranges::copy(parts->table, std::as_writable_bytes(std::span(front.table)).begin());
    }
    front.digest = record_digest(*parts->format, parts->header_bytes, front.body_size,
                                 std::as_bytes(std::span(front.table)));
    return front;
}

Tag record_tag(Mac& mac, const Digest& digest) {
    const std::span<const std::byte> piece(digest);
    return mac.tag(std::span(&piece, 1));
}

SealedParts seal_record(Mac& mac, const RecordHeader& header, std::span<const std::byte> body) {
    VOUCH_ASSERT(header.event_count > 0 && !body.empty() && body.size() <= kRecordBodyLimit);
    const std::string header_text = serialise_header(header);
    const auto header_bytes = std::as_bytes(std::span(header_text));
    VOUCH_ASSERT(header_bytes.size() <= kRecordHeaderMax);

    std::vector<Digest> table;
    sha256_blocks(body, kWritten.block, table);
    const auto blocks = std::as_bytes(std::span(table));

    SealedParts parts;
    parts.digest = record_digest(kWritten, header_bytes, body.size(), blocks);
    parts.tag = record_tag(mac, parts.digest);

    constexpr std::size_t kFramingMax = 4 * (1 + 5);
    parts.prefix.reserve(header_bytes.size() + parts.tag.size() + blocks.size() + kFramingMax);
    append_field(parts.prefix, kHeaderField, header_bytes);
    append_field(parts.prefix, kTagField, parts.tag);
    if (table.size() > 1) append_field(parts.prefix, kTableField, blocks);
    parts.prefix.push_back(kBodyField);
    append_length(parts.prefix, body.size());
    return parts;
}

}  // namespace vouch
