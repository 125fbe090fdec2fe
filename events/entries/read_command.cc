// Commands from bytes. Field numbers, ranges and limits: schemas/command.proto, whose messages
// these are, one function each; those of the bodies are in body_messages.h.
#include "events/entries/read_command.h"

#include "events/entries/body_messages.h"
#include "events/entries/command.h"
#include "events/entries/event_fields.h"
#include "events/entries/group_fault.h"
#include "events/entries/write_command.h"
#include "events/money/text_ids.h"
#include "events/overloads.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <type_traits>

namespace vouch::wire {
namespace {

/// Bits first to last.
constexpr std::uint64_t bits(std::uint32_t first, std::uint32_t last) {
    return (std::uint64_t{2} << last) - (std::uint64_t{1} << first);
}
constexpr std::uint64_t kBodyFields = bits(kFirstEarlyBody, kLastEarlyBody) |
                                      bits(kFirstLateBody, kLastLateBody) |
                                      bits(kFirstNewBody, kLastNewBody);

/// Some of the bodies, which are one oneof: a second one is a fault.
template <std::uint32_t kFirst, std::uint32_t kLast, class Read>
struct BodyFields : FieldBase<kFirst, kLast> {
    Read read;

    template <class M>
    void take(M& m) {
        if (m.tag() < bytes_tag(kFirst) || m.tag() > bytes_tag(kLast)) return;
        if ((m.tag() & 7) != (bytes_tag(kFirst) & 7)) return;
        if ((m.seen() & kBodyFields) != 0) return m.refuse(this->name);
        const std::uint32_t number = m.tag() >> 3;
        m.take_element(number, [&](typename M::In content) { return read(number, content); });
    }
    template <class M>
    bool finish(const M& m) {
        return (m.seen() & kBodyFields) != 0;
    }
};
template <std::uint32_t kFirst, std::uint32_t kLast, class Read>
auto body_fields(Read read) {
    return BodyFields<kFirst, kLast, Read>{{"body"}, read};
}

/// A repeated field of at most `max` values, none of which repeats: room for all, once there is
/// any.
template <class T, std::size_t max>
class ShortList {
public:
    auto begin(Arena& arena) {
        return [this, &arena](std::size_t) {
            room_ = arena.make<T>(max);
            return true;
        };
    }
    bool is_full() const { return count_ == max; }
    bool has(const auto& value, auto member) const {
        return std::ranges::find(all(), value, member) != all().end();
    }
    void add(const T& value) { room_[count_++] = value; }
    std::span<const T> all() const { return room_.first(count_); }

private:
    std::span<T> room_;
    std::size_t count_ = 0;
};

template <WireForm form>
class CommandReader {
public:
    using In = Reader<form == WireForm::canonical>;

    CommandReader(Arena& arena, CommandFault& fault)
        : arena_(arena), fault_(fault), bodies_{arena, fault} {}

    bool command(In in, Command& out, bool is_member) {
        ShortList<Metadata, kMetadataMax> metadata_pairs;
        ShortList<Reference, kReferencesMax> references;
        ShortList<Attachment, kAttachmentsMax> attachments;
        const auto early_body = [&](std::uint32_t number, In content) {
            if (number == kCommandKind<Transfer>.field)
                return read_body(bodies_, content, out.body.emplace<Transfer>());
            return other_body(number, content, out.body, is_member);
        };
        const auto late_body = [&](std::uint32_t number, In content) {
            return other_body(number, content, out.body, is_member);
        };
        const bool is_read = read_message<form>(
            in, fault_, "command",            //
            required_id<1>("id", out.id),     //
            number<3>("ledger", out.ledger),  //
            body_fields<kFirstEarlyBody, kLastEarlyBody>(early_body),
            text<9>("context", out.context, kLongTextMax),
            message<10>("actor", [&](In content) { return actor(content, out); }),
            text<11>("module", out.module, kShortTextMax),
            text<12>("ticket", out.ticket, kLongTextMax),
            optional_number<13>("expected_version", out.expected_version),
            number<14>("expires_at", out.expires_at),
            optional_number<15>("amount_decimals", out.amount_decimals, kScaleMax.value()),
            body_fields<kFirstLateBody, kLastLateBody>(late_body),
            repeated<26>("metadata", metadata_pairs.begin(arena_),
                         [&](In content) { return metadata(content, metadata_pairs); }),
            seldom<28>([&] {
                return std::tuple(
                    text<28>("channel", out.channel, kShortTextMax),
                    text<29>("id_text", out.id_text, kLongTextMax),
                    message<30>("trace", [&](In content) { return trace(content, out.trace); }),
                    unsupported<31>("after: not supported yet"),
                    unsupported<32>("principal: not supported yet"),
                    unsupported<33>("value_date: not supported yet"),
                    number<34>("document_date", out.document_date, kDayMax.value()),
                    unsupported<35>("decided_by: not supported yet"),
                    choice<36>("kind", out.kind, VoucherKind::closing),
                    repeated<37>("references", references.begin(arena_),
                                 [&](In content) { return reference(content, references); }),
                    text<38>("reason", out.reason, kLongTextMax),
                    repeated<39>("attachments", attachments.begin(arena_),
                                 [&](In content) { return attachment(content, attachments); }),
                    unsupported<40>("personal: not supported yet"),
                    body_fields<kFirstNewBody, kLastNewBody>(late_body));
            }));
        if (!is_read) return false;
        out.metadata = metadata_pairs.all();
        out.references = references.all();
        out.attachments = attachments.all();
        if (!out.id_text.empty() && !check_id_text(out)) return refuse("id_text");
        return std::holds_alternative<Transfer>(out.body) || check_whole(out);
    }

private:
    bool refuse(std::string_view field, Outcome outcome = Outcome::malformed) {
        report(fault_, field, outcome);
        return false;
    }

    [[gnu::noinline]] bool other_body(std::uint32_t number, In in, CommandBody& out,
                                      bool is_member) {
        if (is_member && number == kCommandKind<Group>.field) return refuse("group.members.group");
        if (is_member && number == kCommandKind<SetClock>.field)
            return refuse("group.members.set_clock");
        return any_body(number, in, out);
    }

    template <class... Body>
    bool any_body(std::uint32_t number, In in, std::variant<Body...>& out) {
        bool is_read = false;
        const auto read = [&]<class One>() {
            One& made = out.template emplace<One>();
            if constexpr (std::is_same_v<One, Group>) {
                is_read = group(in, made);
            } else {
                is_read = read_body(bodies_, in, made);
            }
            return true;
        };
        const bool is_known =
            ((number == kCommandKind<Body>.field && read.template operator()<Body>()) || ...);
        return is_known ? is_read : refuse("body");
    }

    /// What needs more than one field.
    [[gnu::noinline]] bool check_whole(const Command& command) {
        if (const auto* open = std::get_if<OpenAccount>(&command.body)) {
            if (open->name.empty()) return true;
            const std::optional<TextId> id = parse_account_id(open->name, command.ledger);
            if (!id || !id->is_name || AccountId(id->high, id->low) != open->account) {
                return refuse("open_account.name");
            }
        } else if (const auto* group = std::get_if<Group>(&command.body)) {
            for (const Command& member : group->members) {
                if (member.ledger != command.ledger) return refuse("group.members.ledger");
            }
            if (const auto wrong = group_fault(command)) return refuse_group(*wrong);
        }
        return true;
    }

    bool refuse_group(const GroupFault& wrong) {
        return std::visit(
            Overloads{
                [&](const OwnIdInGroup&) { return refuse("group.members.id"); },
                [&](const PostingsBeyondGroup&) {
                    return refuse("group.members", Outcome::too_large);
                },
            },
            wrong);
    }

    bool actor(In in, Command& out) {
        if (!read_message<form>(in, fault_, "actor",
                                text<1>("actor.id", out.actor_id, kShortTextMax),
                                text<2>("actor.address", out.actor_address, kShortTextMax),
                                text<3>("actor.device", out.actor_device, kShortTextMax))) {
            return false;
        }
        // Canonically an actor of whom nothing is said is left out.
        const bool is_empty =
            out.actor_id.empty() && out.actor_address.empty() && out.actor_device.empty();
        return form == WireForm::any || !is_empty || refuse("actor");
    }

    bool check_id_text(const Command& command) {
        const std::optional<TextId> id = parse_command_id(command.id_text);
        return id && CommandId(id->high, id->low) == command.id;
    }

    bool trace(In in, Trace& out) {
        return read_message<form>(in, fault_, "trace", fixed<1>("trace", out.high),
                                  fixed<2>("trace", out.low), fixed<3>("trace", out.span),
                                  number<4>("trace.flags", out.flags)) &&
               ((out.span != 0 && (out.high | out.low) != 0) || refuse("trace"));
    }

    bool reference(In in, ShortList<Reference, kReferencesMax>& list) {
        Reference made;
        if (!read_message<form>(
                in, fault_, "references",
                required_choice<1>("references.type", made.type, ReferenceType::statement),
                text<2>("references.value", made.value, kLongTextMax))) {
            return false;
        }
        if (made.value.empty()) return refuse("references.value");
        if (list.is_full() || list.has(made, std::identity())) return refuse("references");
        list.add(made);
        return true;
    }

    bool attachment(In in, ShortList<Attachment, kAttachmentsMax>& list) {
        Attachment made;
        std::span<const std::byte> bytes;
        if (!read_message<form>(
                in, fault_, "attachments", digest<1>("attachments.digest", bytes),
                text<2>("attachments.media_type", made.media_type, kShortTextMax),
                number<3>("attachments.size", made.size, Attachment::kSizeMax))) {
            return false;
        }
        std::ranges::copy(bytes, made.digest.begin());
        if (list.is_full()) return refuse("attachments");
        if (list.has(made.digest, &Attachment::digest)) return refuse("attachments.digest");
        list.add(made);
        return true;
    }

    bool metadata(In in, ShortList<Metadata, kMetadataMax>& list) {
        Metadata pair;
        if (!read_message<form>(in, fault_, "metadata",
                                text<1>("metadata.key", pair.key, kShortTextMax),
                                text<2>("metadata.value", pair.value, kLongTextMax))) {
            return false;
        }
        if (pair.key.empty()) return refuse("metadata.key");
        if (list.is_full()) return refuse("metadata");
        if (list.has(pair.key, &Metadata::key)) return refuse("metadata.key");
        list.add(pair);
        return true;
    }

    bool group(In in, Group& out) {
        std::span<Command> members;
        std::size_t count = 0;
        const auto begin = [&](std::size_t all) {
            if (all > kGroupMembersMax) return refuse("group.members", Outcome::too_large);
            members = arena_.make<Command>(all);
            return true;
        };
        if (!read_message<form>(in, fault_, "group",
                                repeated<1>("group.members", begin,
                                            [&](In content) {
                                                return command(content, members[count++], true);
                                            }),
                                unsupported<2, 3>("group.leads: not supported yet"))) {
            return false;
        }
        out.members = members;
        return count != 0 || refuse("group.members");
    }

    Arena& arena_;
    CommandFault& fault_;
    BodyReading<form> bodies_;
};

}  // namespace

template <WireForm form>
bool read_command(Reader<form == WireForm::canonical> in, Arena& arena, Command& out,
                  CommandFault& fault) {
    return CommandReader<form>(arena, fault).command(in, out, false);
}

template bool read_command<WireForm::any>(Reader<false>, Arena&, Command&, CommandFault&);
template bool read_command<WireForm::canonical>(Reader<true>, Arena&, Command&, CommandFault&);

}  // namespace vouch::wire
