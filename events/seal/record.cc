// A stored record is a SealedRecord message in its one canonical form (schemas/record.proto):
//
//   record  = %x0A length header | %x12 length body | %x1A %x20 tag
//   length  = base-128 varint, least significant group first, in as few bytes as it takes
//   tag     = 32 bytes: HMAC-SHA256(key of (shard, epoch), mac-input)
//
//   mac-input = "vouch/record/v1" 0x00
//             | length of header as 4 bytes big-endian | header
//             | length of body   as 4 bytes big-endian | body
//
// The framing itself is under no MAC, so every form but this one is refused: otherwise the same
// sealed record could be stored as different bytes. Golden: tests/golden/seal.json.

#include "events/seal/record.h"

#include "events/check.h"
#include "events/seal/big_endian.h"
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

constexpr std::string_view kRecordDomain = "vouch/record/v1\0"sv;

// Field number and wire type 2 (a length, then bytes).
constexpr std::byte kHeaderField{0x0a};
constexpr std::byte kBodyField{0x12};
constexpr std::byte kTagField{0x1a};

void append_length(std::vector<std::byte>& out, std::size_t length) {
    while (length >= 0x80) {
        out.push_back(static_cast<std::byte>(length | 0x80));
        length >>= 7;
    }
    out.push_back(static_cast<std::byte>(length));
}

/// Takes a length off `bytes`; empty when there is none in its shortest form, of at most 32 bits.
std::optional<std::size_t> take_length(std::span<const std::byte>& bytes) {
    std::uint64_t length = 0;
    for (unsigned i = 0; i < 5 && i < bytes.size(); ++i) {
        const auto group = std::to_integer<std::uint64_t>(bytes[i]);
        length |= (group & 0x7f) << (7 * i);
        if (group >= 0x80) continue;
        const bool is_shortest = i == 0 || group != 0;
        if (!is_shortest || length > UINT32_MAX) return std::nullopt;
        bytes = bytes.subspan(i + 1);
        return length;
    }
    return std::nullopt;
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

Result<RecordHeader> parse_header(std::span<const std::byte> bytes) {
    v1::RecordHeader message;
    if (bytes.size() > INT_MAX ||
        !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        return no_record("the header cannot be read");
    }
    if (message.format() != kRecordFormat) {
        return no_record("expected format " + std::to_string(kRecordFormat) + ", found " +
                         std::to_string(message.format()));
    }
    if (!message.GetReflection()->GetUnknownFields(message).empty())
        return no_record("the header has unknown fields");
    if (message.event_count() == 0) return no_record("it has no events");
    RecordHeader header;
    if (message.previous_tag().size() != header.previous_tag.size()) {
        return no_record("the previous tag is not of 32 bytes");
    }
    header.deployment = DeploymentId(message.deployment_high(), message.deployment_low());
    header.chain_high = message.chain_high();
    header.chain_low = message.chain_low();
    header.shard = ShardId(message.shard());
    header.record = RecordNumber(message.record());
    header.first_event = EventNumber(message.first_event());
    header.event_count = message.event_count();
    header.time = Timestamp(message.time_us());
    header.epoch = Epoch(message.epoch());
    header.term = Term(message.term());
    header.next_command = Offset(message.next_command());
    std::ranges::copy(std::as_bytes(std::span(message.previous_tag())),
                      header.previous_tag.begin());
    header.next_step = Offset(message.next_step());
    return header;
}

std::string serialise_header(const RecordHeader& header) {
    v1::RecordHeader message;
    message.set_format(kRecordFormat);
    message.set_deployment_high(header.deployment.high());
    message.set_deployment_low(header.deployment.low());
    message.set_chain_high(header.chain_high);
    message.set_chain_low(header.chain_low);
    message.set_shard(header.shard.value());
    message.set_record(header.record.value());
    message.set_first_event(header.first_event.value());
    message.set_event_count(header.event_count);
    message.set_time_us(header.time.value());
    message.set_epoch(header.epoch.value());
    message.set_term(header.term.value());
    message.set_next_command(header.next_command.value());
    message.set_previous_tag(header.previous_tag.data(), header.previous_tag.size());
    message.set_next_step(header.next_step.value());
    return message.SerializeAsString();
}

}  // namespace

Result<RecordView> parse_record(std::span<const std::byte> bytes) {
    const auto header_bytes = take_field(bytes, kHeaderField);
    if (!header_bytes) return no_record("no header where it should be");
    const auto body = take_field(bytes, kBodyField);
    if (!body) return no_record("no body where it should be");
    const auto tag = take_field(bytes, kTagField);
    RecordView view;
    if (!tag || tag->size() != view.tag.size())
        return no_record("no tag of 32 bytes where it should be");
    if (!bytes.empty()) return no_record("bytes after the tag");

    Result<RecordHeader> header = parse_header(*header_bytes);
    if (!header) return header.error();
    view.header = *header;
    view.header_bytes = *header_bytes;
    view.body = *body;
    std::ranges::copy(*tag, view.tag.begin());
    return view;
}

Tag record_tag(Mac& mac, std::span<const std::byte> header, std::span<const std::byte> body) {
    VOUCH_ASSERT(header.size() <= UINT32_MAX && body.size() <= UINT32_MAX);
    const auto header_length = big_endian(static_cast<std::uint32_t>(header.size()));
    const auto body_length = big_endian(static_cast<std::uint32_t>(body.size()));
    const std::array<std::span<const std::byte>, 5> pieces = {
        std::as_bytes(std::span(kRecordDomain)), header_length, header, body_length, body};
    return mac.tag(pieces);
}

SealedParts seal_record(Mac& mac, const RecordHeader& header, std::span<const std::byte> body) {
    VOUCH_ASSERT(header.event_count > 0);
    const std::string header_text = serialise_header(header);
    const auto header_bytes = std::as_bytes(std::span(header_text));

    SealedParts parts;
    parts.tag = record_tag(mac, header_bytes, body);

    constexpr std::size_t kFramingMax = 2 + 2 * 5;
    parts.prefix.reserve(header_bytes.size() + kFramingMax);
    parts.prefix.push_back(kHeaderField);
    append_length(parts.prefix, header_bytes.size());
    parts.prefix.insert(parts.prefix.end(), header_bytes.begin(), header_bytes.end());
    parts.prefix.push_back(kBodyField);
    append_length(parts.prefix, body.size());

    parts.suffix.reserve(2 + parts.tag.size());
    parts.suffix.push_back(kTagField);
    append_length(parts.suffix, parts.tag.size());
    parts.suffix.insert(parts.suffix.end(), parts.tag.begin(), parts.tag.end());
    return parts;
}

}  // namespace vouch
