#pragma once

#include "events/check.h"
#include "events/entries/command.h"
#include "events/entries/wire.h"

#include <algorithm>

namespace vouch::wire {

/// Messages written in canonical form (wire.h): one definition serves Writer, which writes them,
/// and Counter, which says how long they are. Field numbers: schemas/command.proto.

template <class Out, class IdType>
void write_id(Out& out, std::uint32_t high_field, IdType id) {
    out.fixed64(high_field, id.high());
    out.fixed64(high_field + 1, id.low());
}

/// The low half in `low_field`, the high half in `high_field`.
template <class Out>
void write_amount(Out& out, std::uint32_t low_field, std::uint32_t high_field, Amount amount) {
    out.varint(low_field, amount.low());
    out.varint(high_field, amount.high());
}

/// An amount whose presence counts: the presence of its low half.
template <class Out>
void write_optional_amount(Out& out, std::uint32_t low_field, std::uint32_t high_field,
                           const std::optional<Amount>& amount) {
    if (!amount) return;
    out.present_varint(low_field, amount->low());
    out.varint(high_field, amount->high());
}

template <class Out>
void write_limit(Out& out, std::uint32_t field, const Limit& limit) {
    out.message(field, [&] {
        out.varint(1, limit.is_unlimited() ? 1 : 0);
        if (!limit.is_unlimited()) write_amount(out, 2, 3, limit.below_zero());
    });
}

template <class Out>
void write_body(Out& out, const Transfer& body) {
    write_id(out, 1, body.debit);
    write_id(out, 3, body.credit);
    write_amount(out, 5, 6, body.amount);
    out.varint(7, static_cast<std::uint64_t>(body.balancing));
}

template <class Out>
void write_body(Out& out, const PlaceHold& body) {
    write_id(out, 1, body.debit);
    write_id(out, 3, body.credit);
    write_amount(out, 5, 6, body.amount);
    out.varint(7, static_cast<std::uint64_t>(body.balancing));
    out.varint(8, body.expires_in_us);
}

template <class Out>
void write_body(Out& out, const CaptureHold& body) {
    write_id(out, 1, body.hold);
    write_id(out, 3, body.account);
    write_optional_amount(out, 5, 6, body.amount);
    out.varint(7, body.keep_rest ? 1 : 0);
    write_id(out, 8, body.credit);
}

template <class Out>
void write_body(Out& out, const ReleaseHold& body) {
    write_id(out, 1, body.hold);
    write_id(out, 3, body.account);
}

template <class Out>
void write_body(Out& out, const PostEntry& body) {
    for (const Posting& posting : body.postings) {
        out.message(1, [&] {
            write_id(out, 1, posting.account);
            out.varint(3, static_cast<std::uint64_t>(posting.side));
            write_amount(out, 4, 5, posting.amount);
        });
    }
}

template <class Out>
void write_body(Out& out, const OpenAccount& body) {
    write_id(out, 1, body.account);
    out.text(3, body.name);
    out.text(4, body.asset.code());
    out.varint(5, body.asset.scale().value());
    out.varint(6, static_cast<std::uint64_t>(body.account_class));
    if (body.limit != Limit{}) write_limit(out, 7, body.limit);
    out.text(8, body.chart_code);
    out.text(9, body.owner);
    out.varint(10, body.risk_class);
}

template <class Out>
void write_body(Out& out, const UpdateAccount& body) {
    write_id(out, 1, body.account);
    if (body.limit) write_limit(out, 3, *body.limit);
    if (body.risk_class) out.present_varint(4, *body.risk_class);
}

template <class Out>
void write_body(Out& out, const FreezeAccount& body) {
    write_id(out, 1, body.account);
    out.varint(3, static_cast<std::uint64_t>(body.block));
}

template <class Out>
void write_body(Out& out, const UnfreezeAccount& body) {
    write_id(out, 1, body.account);
    out.varint(3, static_cast<std::uint64_t>(body.block));
}

template <class Out>
void write_body(Out& out, const CloseAccount& body) {
    write_id(out, 1, body.account);
}

template <class Out>
void write_body(Out& out, const ExtendHold& body) {
    write_id(out, 1, body.hold);
    write_id(out, 3, body.account);
    out.varint(5, body.expires_in_us);
}

template <class Out>
void write_body(Out& out, const Reverse& body) {
    write_id(out, 1, body.entry);
    write_id(out, 3, body.account);
}

template <class Out>
void write_body(Out& out, const Refund& body) {
    write_id(out, 1, body.entry);
    write_id(out, 3, body.account);
    write_optional_amount(out, 5, 6, body.amount);
    write_id(out, 7, body.from);
    if (body.debit_posting) out.present_varint(9, *body.debit_posting);
    if (body.credit_posting) out.present_varint(10, *body.credit_posting);
}

template <class Out>
void write_command(Out& out, const Command& command);

template <class Out>
void write_body(Out& out, const Group& body) {
    for (const Command& member : body.members) {
        out.message(1, [&] { write_command(out, member); });
    }
}

template <class Out>
void write_body(Out& out, const SetClock& body) {
    out.varint(1, static_cast<std::uint64_t>(body.time.value()));
}

/// Bodies stand at two places among the other fields, whose order is that of their numbers: before
/// the context, and between the decimals and the metadata.
inline constexpr std::uint32_t kFirstEarlyBody = 4;
inline constexpr std::uint32_t kLastEarlyBody = 8;
inline constexpr std::uint32_t kFirstLateBody = 16;
inline constexpr std::uint32_t kLastLateBody = 25;
constexpr bool has_a_place(const CommandKind& kind) {
    return (kind.field >= kFirstEarlyBody && kind.field <= kLastEarlyBody) ||
           (kind.field >= kFirstLateBody && kind.field <= kLastLateBody);
}
static_assert(std::ranges::all_of(kCommandKinds, has_a_place),
              "a body of a later field is written and read at a place of its own, in the order of "
              "the fields");

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
    if (body_field(command.body) > kLastEarlyBody) write_any_body(out, command.body);
    write_metadata(out, command.metadata);
    out.text(28, command.channel);
    out.text(29, command.id_text);
    if (command.trace.is_given()) write_trace(out, command.trace);
    out.varint(34, command.document_date.value());
    out.varint(36, static_cast<std::uint64_t>(command.kind));
    write_voucher(out, command);
}

/// An upper bound of the bytes that write_command writes, with Writer's slack; cheap.
std::size_t command_size_bound(const Command& command);

}  // namespace vouch::wire
