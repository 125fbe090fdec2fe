// The kinds of event that are not what became of a command: schemas/event.proto, whose messages
// these are, one function each.
#include "events/entries/read_event_kind.h"

#include "events/entries/codec.h"
#include "events/entries/event_fields.h"
#include "events/entries/read_step.h"
#include "events/entries/said_postings.h"

namespace vouch::wire {
namespace {

bool refuse(const KindIn& in, std::string_view field) {
    report(in.fault, field);
    return false;
}

template <class E, class... FieldTypes>
bool read_kind(const KindIn& in, const E&, FieldTypes... fields) {
    Reader<true> content = in.content;
    return read_message<WireForm::canonical>(content, in.fault, kEventKind<E>.word, fields...);
}

bool read(const KindIn& in, Mark&) { return in.content.at_end() || refuse(in, "mark"); }

bool read(const KindIn& in, ConflictSeen& out) {
    out.command = in.found.command;
    return read_kind(in, out, number<1>("conflict_seen.first_event", out.first_event));
}

bool read(const KindIn& in, TermStarted& out) {
    return read_kind(in, out, number<1>("term_started.term", out.term),
                     text<2>("term_started.writer", out.writer, kShortTextMax),
                     text<3>("term_started.program", out.program, kShortTextMax));
}

bool read(const KindIn& in, HoldExpired& out) {
    out.hold = *in.found.hold;
    out.changes = in.found.changes;
    return read_kind(in, out, number<1>("hold_expired.ledger", out.ledger));
}

bool read(const KindIn& in, CommandInTransit& out) {
    out.command = in.found.command;
    out.changes = in.found.changes;
    out.hold = in.found.hold;
    out.entry = in.found.entry;
    out.moved = in.found.moved;
    return fill_in_ids(out, in.changes, in.fault) &&
           read_kind(in, out, number<1>("in_transit.to", out.to));
}

bool read(const KindIn& in, StepFollowed& out) {
    out.outcome = in.found.outcome;
    out.changes = in.found.changes;
    out.hold = in.found.hold;
    out.facts = in.found.facts;
    out.moved = in.found.moved;
    bool has_step = false;
    const auto step = [&](Reader<true> content) {
        has_step = true;
        return read_step(content, in.arena, out.step, in.fault);
    };
    if (!read_kind(in, out, message<1>("step_followed.step", step))) return false;
    if (!has_step || !is_followed(out.step)) return refuse(in, "step_followed.step");
    return is_step_outcome(out.outcome) || refuse(in, "outcome");
}

bool read(const KindIn& in, TransitOpened& out) {
    if (in.changes.size() != 1) return refuse(in, "changes");
    out.change = in.changes.front();
    return read_kind(in, out, number<1>("transit_opened.ledger", out.ledger),
                     number<2>("transit_opened.from", out.from),
                     number<3>("transit_opened.to", out.to),
                     asset<4>("transit_opened.asset_code", out.asset),
                     number<6>("transit_opened.successor", out.successor));
}

bool read(const KindIn& in, StepsTaken& out) {
    return read_kind(in, out, number<1>("steps_taken.from", out.from),
                     number<2>("steps_taken.number", out.number),
                     number<3>("steps_taken.first", out.first),
                     number<4>("steps_taken.count", out.count),
                     number<5>("steps_taken.record", out.record),
                     digest<6>("steps_taken.record_digest", out.record_digest),
                     digest<7>("steps_taken.digest", out.digest),
                     number<8>("steps_taken.left", out.left),
                     number<9>("steps_taken.rebuilt", out.rebuilt)) &&
           (out.count != 0 || refuse(in, "steps_taken.count"));
}

bool read(const KindIn& in, StepsSent& out) {
    return read_kind(in, out, number<1>("steps_sent.to", out.to),
                     number<2>("steps_sent.number", out.number),
                     number<3>("steps_sent.count", out.count),
                     digest<4>("steps_sent.digest", out.digest)) &&
           (out.count != 0 || refuse(in, "steps_sent.count"));
}

bool read(const KindIn& in, StepRefused& out) {
    return read_kind(in, out, number<1>("step_refused.offset", out.offset),
                     number<2>("step_refused.length", out.length),
                     digest<3>("step_refused.digest", out.digest));
}

bool read(const KindIn& in, CommandForwarded& out) {
    out.command = in.found.command;
    return read_kind(in, out, number<1>("command_forwarded.to", out.to));
}

bool read(const KindIn& in, ForwardRepeated& out) {
    out.command = in.found.command;
    return read_kind(in, out, number<1>("forward_repeated.first_event", out.first_event));
}

bool read(const KindIn& in, InputMoved& out) {
    return read_kind(in, out,
                     required_choice<1>("input_moved.input", out.input, InputKind::steps),
                     number<2>("input_moved.from", out.from),
                     number<3>("input_moved.to", out.to),
                     text<4>("input_moved.reason", out.reason, kLongTextMax),
                     text<5>("input_moved.asked_by", out.asked_by, kShortTextMax)) &&
           (out.from != out.to || refuse(in, "input_moved.to")) &&
           (!out.reason.empty() || refuse(in, "input_moved.reason")) &&
           (!out.asked_by.empty() || refuse(in, "input_moved.asked_by"));
}

bool read(const KindIn& in, ClockAccepted& out) {
    return read_kind(in, out, number<1>("clock_accepted.accepted", out.accepted),
                     number<2>("clock_accepted.last", out.last),
                     text<3>("clock_accepted.asked_by", out.asked_by, kShortTextMax)) &&
           (!out.asked_by.empty() || refuse(in, "clock_accepted.asked_by"));
}

bool read(const KindIn& in, TailLost& out) {
    return read_kind(in, out, number<1>("tail_lost.record", out.record),
                     optional_number<2>("tail_lost.known_record", out.known_record),
                     optional_digest<3>("tail_lost.known_digest", out.known_digest),
                     text<4>("tail_lost.asked_by", out.asked_by, kShortTextMax)) &&
           (!out.known_record || *out.known_record >= out.record ||
            refuse(in, "tail_lost.known_record")) &&
           (out.known_record.has_value() == !out.known_digest.empty() ||
            refuse(in, "tail_lost.known_digest")) &&
           (!out.asked_by.empty() || refuse(in, "tail_lost.asked_by"));
}

bool read(const KindIn& in, FormatRaised& out) {
    return read_kind(in, out, number<1>("format_raised.from", out.from),
                     number<2>("format_raised.to", out.to),
                     text<3>("format_raised.asked_by", out.asked_by, kShortTextMax)) &&
           (out.from != 0 || refuse(in, "format_raised.from")) &&
           (out.to > out.from || refuse(in, "format_raised.to")) &&
           (!out.asked_by.empty() || refuse(in, "format_raised.asked_by"));
}

bool read(const KindIn& in, CommandAnswered& out) {
    out.outcome = in.found.outcome;
    out.changes = in.found.changes;
    out.hold = in.found.hold;
    out.entry = in.found.entry;
    out.facts = in.found.facts;
    out.moved = in.found.moved;
    return read_kind(in, out, number<1>("answered.shard", out.by.shard),
                     number<2>("answered.record", out.by.record),
                     number<3>("answered.first_event", out.first_event),
                     number<4>("answered.ledger", out.ledger),
                     required_id<5>("answered.id", out.id));
}

bool read(const KindIn& in, Unreadable& out) {
    std::uint32_t member_plus_one = 0;
    Offset next_offset;
    if (!read_kind(in, out,
                   number<1>("unreadable.offset", out.offset),
                   number<2>("unreadable.member_plus_one", member_plus_one),
                   number<3>("unreadable.length", out.length),
                   optional_digest<4>("unreadable.digest", out.digest),
                   outcome<5>("unreadable.outcome", out.outcome),
                   text<6>("unreadable.field", out.field, kShortTextMax),
                   number<7>("unreadable.next_offset", next_offset))) {
        return false;
    }
    if (member_plus_one != 0) out.member = member_plus_one - 1;
    if (next_offset != Offset()) {
        out.next_offset = next_offset;
        if (next_offset <= out.offset) return refuse(in, "unreadable.next_offset");
        if (out.member) return refuse(in, "unreadable.member_plus_one");
        if (!out.field.empty()) return refuse(in, "unreadable.field");
    } else if (out.digest.empty()) {
        return refuse(in, "unreadable.digest");
    }
    const bool is_reason =
        out.outcome == Outcome::malformed || out.outcome == Outcome::too_large;
    return is_reason || refuse(in, "unreadable.outcome");
}

bool read(const KindIn& in, EpochSealed& out) {
    return read_kind(in, out, number<1>("epoch_sealed.epoch", out.epoch),
                     number<2>("epoch_sealed.first_event", out.first_event),
                     number<3>("epoch_sealed.last_event", out.last_event),
                     digest<4>("epoch_sealed.next_key_commitment", out.next_key_commitment));
}

/// Each kind has exactly its own parts.
template <class... E>
bool read_any(const KindIn& in, std::uint32_t field, std::uint64_t parts, std::variant<E...>& out) {
    bool is_read = false;
    const auto read_one = [&]<class One>() {
        if constexpr (!std::is_same_v<One, CommandDecided>) {
            const EventKind& known = kEventKind<One>;
            const bool has_its_parts = (parts & known.required) == known.required &&
                                       (parts & ~(known.required | known.optional)) == 0;
            is_read = has_its_parts ? read(in, out.template emplace<One>()) : refuse(in, "event");
        }
        return true;
    };
    const bool is_known =
        ((field == kEventKind<E>.field && read_one.template operator()<E>()) || ...);
    return is_known ? is_read : refuse(in, "event");
}

}  // namespace

bool read_event_kind(const KindIn& in, std::uint32_t field, std::uint64_t parts, Event& out) {
    return read_any(in, field, parts, out);
}

}  // namespace vouch::wire
