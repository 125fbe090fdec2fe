#pragma once

#include "events/bytes/wire.h"
#include "events/check.h"
#include "events/entries/body_messages.h"
#include "events/entries/command.h"

#include <algorithm>

namespace vouch::wire {

/// Commands written in canonical form (wire.h). Field numbers: schemas/command.proto.

template <class Out>
void write_command(Out& out, const Command& command);

template <class Out>
void write_body(Out& out, const Group& body) {
    for (const Command& member : body.members) {
        out.message(1, [&] { write_command(out, member); });
    }
}

/// Bodies stand at three places among the other fields, whose order is that of their numbers:
/// before the context, between the decimals and the metadata, and, the newer ones, behind all else.
inline constexpr std::uint32_t kFirstEarlyBody = 4;
inline constexpr std::uint32_t kLastEarlyBody = 8;
inline constexpr std::uint32_t kFirstLateBody = 16;
inline constexpr std::uint32_t kLastLateBody = 25;
inline constexpr std::uint32_t kFirstNewBody = 41;
/// One less than the first as long as there is none.
inline constexpr std::uint32_t kLastNewBody =
    std::max(kFirstNewBody - 1, std::ranges::max(kCommandKinds, {}, &CommandKind::field).field);
static_assert(kLastNewBody < 64, "a reader notes what it has seen in 64 bits");
constexpr bool has_a_place(const CommandKind& kind) {
    return (kind.field >= kFirstEarlyBody && kind.field <= kLastEarlyBody) ||
           (kind.field >= kFirstLateBody && kind.field <= kLastLateBody) ||
           (kind.field >= kFirstNewBody && kind.field <= kLastNewBody);
}
static_assert(std::ranges::all_of(kCommandKinds, has_a_place),
              "a body that stood elsewhere would be neither written nor read");

/// The field of Command that holds the body.
inline std::uint32_t body_field(const CommandBody& body) { return kind_of(body).field; }

template <class Out>
[[gnu::noinline]] void write_any_body(Out& out, const CommandBody& body) {
    out.message(body_field(body),
                [&] { std::visit([&](const auto& kind) { write_body(out, kind); }, body); });
}

/// The fields that most commands leave out.
template <class Out>
void write_command_details(Out& out, const Command& command) {
    out.text(9, command.context);
    if (!command.actor_id.empty() || !command.actor_address.empty() ||
        !command.actor_device.empty()) {
        out.message(10, [&] {
            out.text(1, command.actor_id);
            out.text(2, command.actor_address);
            out.text(3, command.actor_device);
        });
    }
    out.text(11, command.module);
    out.text(12, command.ticket);
    if (command.expected_version) out.present_varint(13, command.expected_version->value());
    out.varint(14, static_cast<std::uint64_t>(command.expires_at.value()));
    if (command.amount_decimals) out.present_varint(15, command.amount_decimals->value());
}

template <class Out>
void write_metadata(Out& out, std::span<const Metadata> metadata) {
    for (const Metadata& pair : metadata) {
        out.message(26, [&] {
            out.text(1, pair.key);
            out.text(2, pair.value);
        });
    }
}

template <class Out>
void write_trace(Out& out, const Trace& trace) {
    out.message(30, [&] {
        out.fixed64(1, trace.high);
        out.fixed64(2, trace.low);
        out.fixed64(3, trace.span);
        out.varint(4, trace.flags);
    });
}

template <class Out>
void write_voucher(Out& out, const Command& command) {
    for (const Reference& reference : command.references) {
        out.message(37, [&] {
            out.varint(1, static_cast<std::uint64_t>(reference.type));
            out.text(2, reference.value);
        });
    }
    out.text(38, command.reason);
    for (const Attachment& attachment : command.attachments) {
        out.message(39, [&] {
            out.text(1, {reinterpret_cast<const char*>(attachment.digest.data()),
                         attachment.digest.size()});
            out.text(2, attachment.media_type);
            out.varint(3, attachment.size);
        });
    }
}

template <class Out>
void write_command(Out& out, const Command& command) {
    write_id(out, 1, command.id);
    out.varint(3, command.ledger.value());
    const Transfer* transfer = std::get_if<Transfer>(&command.body);
    if (transfer != nullptr) {
        out.message(kCommandKind<Transfer>.field, [&] { write_body(out, *transfer); });
    } else if (body_field(command.body) <= kLastEarlyBody) {
        write_any_body(out, command.body);
    }
    write_command_details(out, command);
    const std::uint32_t field = body_field(command.body);
    if (field > kLastEarlyBody && field <= kLastLateBody) write_any_body(out, command.body);
    write_metadata(out, command.metadata);
    out.text(28, command.channel);
    out.text(29, command.id_text);
    if (command.trace.is_given()) write_trace(out, command.trace);
    out.varint(34, command.document_date.value());
    out.varint(36, static_cast<std::uint64_t>(command.kind));
    write_voucher(out, command);
    if (field > kLastLateBody) write_any_body(out, command.body);
}

/// An upper bound of the bytes that write_command writes, with Writer's slack; cheap.
std::size_t command_size_bound(const Command& command);

}  // namespace vouch::wire
