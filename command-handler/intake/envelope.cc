#include "command-handler/intake/envelope.h"

#include "command-handler/intake/time_text.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>

namespace vouch::command_handler {

namespace {

struct EnvelopeReader {
    bool read();
    bool kind();
    bool trace();
    bool document_date();
    bool metadata();
    bool references();
    bool attachments();

    const RawLine& line;
    const RawCommand& raw;
    FieldReader& fields;
    Arena& arena;
    Command& command;
};

bool EnvelopeReader::read() {
    if (!fields.command_id(Field::id, command.id) ||
        !fields.text(Field::context, kLongTextMax, command.context) ||
        !fields.text(Field::actor_id, kShortTextMax, command.actor_id) ||
        !fields.text(Field::actor_address, kShortTextMax, command.actor_address) ||
        !fields.text(Field::actor_device, kShortTextMax, command.actor_device) ||
        !fields.text(Field::module, kShortTextMax, command.module) ||
        !fields.text(Field::ticket, kLongTextMax, command.ticket) ||
        !fields.text(Field::channel, kShortTextMax, command.channel) ||
        !fields.text(Field::reason, kLongTextMax, command.reason) || !kind() || !trace() ||
        !document_date() || !metadata() || !references() || !attachments()) {
        return false;
    }
    // Hex digits are what is shown of an id without text; most ids are names of another length.
    const std::string_view id = raw.text(Field::id);
    if (id.size() != 2 * IdBytes().size() || id != id_text(command.id)) command.id_text = id;
    if (raw.has(Field::expected_version)) {
        command.expected_version = Version(raw.number(Field::expected_version));
    }
    if (raw.has(Field::expires_at)) {
        const std::optional<Timestamp> time = parse_time(raw.text(Field::expires_at));
        if (!time)
            return fields.fail(Field::expires_at, std::string(kTimeExpected));
        command.expires_at = *time;
    }
    return true;
}

bool EnvelopeReader::kind() {
    if (!raw.has(Field::voucher_kind)) return true;
    const auto parsed = parse_voucher_kind(raw.text(Field::voucher_kind));
    if (!parsed) {
        return fields.fail(
            Field::voucher_kind,
            "expected payment, top_up, withdrawal, refund, settlement, transfer, fee, fx, "
            "adjustment, chargeback, correction or closing");
    }
    command.kind = *parsed;
    return true;
}

bool EnvelopeReader::metadata() {
    const std::span<Metadata> pairs =
        arena.make<Metadata>(raw.metadata.end - raw.metadata.begin);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const RawMetadata& pair = line.metadata[raw.metadata.begin + i];
        if (pair.value.size() > kLongTextMax) {
            return fields.fail("metadata." + std::string(pair.key), at_most_bytes(kLongTextMax));
        }
        pairs[i] = {pair.key, pair.value};
    }
    command.metadata = pairs;
    return true;
}

bool EnvelopeReader::trace() {
    if (!raw.has(Field::trace)) return true;
    const std::optional<Trace> parsed = parse_trace(raw.text(Field::trace));
    if (!parsed) {
        return fields.fail(
            Field::trace,
            "expected a traceparent of version 00, "
            "00-<32 hex digits>-<16 hex digits>-<2 hex digits>, its ids not zero");
    }
    command.trace = *parsed;
    return true;
}

bool EnvelopeReader::document_date() {
    if (!raw.has(Field::document_date)) return true;
    const std::optional<Day> day = parse_day(raw.text(Field::document_date));
    if (!day) return fields.fail(Field::document_date, "expected a day such as 2026-01-31");
    command.document_date = *day;
    return true;
}

bool EnvelopeReader::references() {
    const std::span<Reference> made =
        arena.make<Reference>(raw.references.end - raw.references.begin);
    for (std::size_t i = 0; i < made.size(); ++i) {
        const auto& [type, value] = line.items[raw.references.begin + i].texts;
        const std::string path = "references[" + std::to_string(i) + "]";
        const std::optional<ReferenceType> parsed = parse_reference_type(type);
        if (!parsed) {
            return fields.fail(
                path + ".type",
                "expected order, intent, attempt, settlement, channel or statement");
        }
        if (value.empty() || value.size() > kLongTextMax) {
            return fields.fail(path + ".value", "expected 1 to 255 bytes");
        }
        made[i] = {*parsed, value};
        const auto before = made.first(i);
        if (std::ranges::find(before, made[i]) != before.end())
            return fields.fail(path, "repeated");
    }
    command.references = made;
    return true;
}

bool EnvelopeReader::attachments() {
    const std::span<Attachment> made =
        arena.make<Attachment>(raw.attachments.end - raw.attachments.begin);
    for (std::size_t i = 0; i < made.size(); ++i) {
        const RawItem& item = line.items[raw.attachments.begin + i];
        const auto& [digest, media_type] = item.texts;
        const std::string path = "attachments[" + std::to_string(i) + "].";
        const std::optional<AttachmentDigest> parsed = parse_digest(digest);
        if (!parsed) {
            return fields.fail(path + "digest", "expected 64 lower-case hex digits: the SHA-256");
        }
        if (media_type.size() > kShortTextMax) {
            return fields.fail(path + "media_type", at_most_bytes(kShortTextMax));
        }
        if (item.number > Attachment::kSizeMax) {
            return fields.fail(
                path + "size", "expected a number up to " + std::to_string(Attachment::kSizeMax));
        }
        made[i] = {*parsed, media_type, item.number};
        const auto before = made.first(i);
        if (std::ranges::find(before, *parsed, &Attachment::digest) != before.end()) {
            return fields.fail(path + "digest", "repeated");
        }
    }
    command.attachments = made;
    return true;
}

}  // namespace

bool read_envelope(const RawLine& line, FieldReader& fields, Arena& arena, Command& command) {
    return EnvelopeReader{line, fields.raw(), fields, arena, command}.read();
}

}  // namespace vouch::command_handler
