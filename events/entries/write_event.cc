// Events to bytes. Field numbers and what is left out: schemas/event.proto.
#include "events/bytes/wire.h"
#include "events/check.h"
#include "events/entries/codec.h"
#include "events/entries/event.h"
#include "events/entries/said_postings.h"
#include "events/entries/write_command.h"
#include "events/entries/write_step.h"

namespace vouch {
namespace {

using wire::SaidPostings;
using wire::Writer;

// Upper bounds of messages, with tag and length. A varint of 32 bits takes at most 5 bytes, of 64
// bits 10, half an id 9; tags from field 16 on take 2.
constexpr std::size_t kChangeBound =
    3 + 6 + 11 + 4 * 22 + (2 + 24) + 2 + 2 + 2 + 11 + 12 + 2 * 10;
constexpr std::size_t kHoldBound = 2 + 18 + 12 + 44 + 11 + 2 + 18;
constexpr std::size_t kRefundedBound = 2 + 6 + 22;
constexpr std::size_t kEntryBound = 4 + 18 + 2;
constexpr std::size_t kMemberBound = 2 + 2 + 2;
// Tag and length of the event and its command, outcome, group, moved; and a small message of two or
// three numbers.
constexpr std::size_t kEventBound = 2 * 6 + 2 + 18 + 22 + 3 + 3 * 11 + 40 + wire::kWriterSlack;
constexpr std::size_t kAnsweredBound = 2 + 6 + 2 * 11 + 6 + 18;
constexpr std::size_t kDigestBytes = 32;
// An event that is a small message only: at most six numbers, and two digests or an asset's code.
// Its texts are counted apart.
constexpr std::size_t kSmallEventBound =
    2 * 6 + 6 * 11 + 2 * (2 + kDigestBytes) + wire::kWriterSlack;
static_assert(Asset::kCodeMax <= kDigestBytes);

void write_digest(Writer& out, std::uint32_t field, std::span<const std::byte> digest) {
    VOUCH_ASSERT(digest.size() <= kDigestBytes);  // there is room for no more
    out.text(field, {reinterpret_cast<const char*>(digest.data()), digest.size()});
}

void write_change(Writer& out, const Change& change, bool posting_is_said = false,
                  bool id_is_said = false) {
    out.message(3, [&] {
        // Its own, whose place stays in a register: each byte written could be that of `out`.
        Writer own = out;
        own.varint(1, change.account.value());
        own.varint(2, change.version.value());
        const Totals& totals = change.totals;
        own.varint(3, totals.debits_posted.low());
        own.varint(4, totals.credits_posted.low());
        own.varint(5, totals.debits_held.low());
        own.varint(6, totals.credits_held.low());
        own.varint(7, totals.debits_posted.high());
        own.varint(8, totals.credits_posted.high());
        own.varint(9, totals.debits_held.high());
        own.varint(10, totals.credits_held.high());
        out = own;
        if (change.limit != Limit{}) wire::write_limit(out, 11, change.limit);
        out.varint(12, static_cast<std::uint64_t>(change.state.block));
        out.varint(13, change.state.closed ? 1 : 0);
        if (!posting_is_said && change.side) {
            out.varint(14, static_cast<std::uint64_t>(*change.side));
            wire::write_amount(out, 15, 16, change.amount);
        }
        if (!id_is_said) wire::write_id(out, 17, change.id);
    });
}

void write_hold(Writer& out, const HoldState& hold) {
    out.message(4, [&] {
        wire::write_id(out, 1, hold.id);
        out.varint(3, hold.payer.value());
        if (hold.payee) out.varint(4, std::uint64_t{hold.payee->value()} + 1);
        wire::write_amount(out, 5, 6, hold.remaining);
        wire::write_amount(out, 7, 8, hold.captured);
        out.varint(9, static_cast<std::uint64_t>(hold.expires_at.value()));
        out.varint(10, static_cast<std::uint64_t>(hold.status));
        wire::write_id(out, 11, hold.remote_payee);
    });
}

void write_entry(Writer& out, const EntryState& entry) {
    out.message(5, [&] {
        wire::write_id(out, 1, entry.id);
        out.varint(3, entry.reversed ? 1 : 0);
        for (const Refunded& refunded : entry.refunded) {
            out.message(4, [&] {
                out.varint(1, refunded.posting);
                wire::write_amount(out, 2, 3, refunded.amount);
            });
        }
    });
}

void write_moved(Writer& out, const std::optional<Amount>& moved) {
    if (!moved) return;
    // Zero is how it is left out.
    VOUCH_ASSERT(!moved->is_zero());
    wire::write_amount(out, 9, 10, *moved);
}

/// What only some commands lead to.
void write_decided_details(Writer& out, const CommandDecided& event) {
    if (event.hold) write_hold(out, *event.hold);
    if (event.entry) write_entry(out, *event.entry);
    if (!event.facts.is_empty()) wire::write_facts(out, 6, event.facts);
    wire::write_id(out, 7, event.group);
    write_moved(out, event.moved);
    for (const MemberOutcome& member : event.members) {
        out.message(11, [&] {
            out.varint(1, static_cast<std::uint64_t>(member.outcome));
            out.varint(2, member.repeated ? 1 : 0);
        });
    }
}

/// A change whose posting is left to the command must be exactly that posting.
void check_said(SaidPostings& said, const CommandDecided& event) {
    VOUCH_ASSERT(event.changes.size() == said.count(event.outcome));
    for (const Change& change : event.changes) {
        const auto [side, amount] = said.next();
        VOUCH_ASSERT(change.side == side && change.amount == amount);
    }
}

/// Of an event with a command.
template <class E>
void write_changes(Writer& out, const E& event, bool posting_is_said) {
    wire::SaidAccounts accounts(event);
    for (const Change& change : event.changes) {
        const std::optional<AccountId> said = accounts.next();
        VOUCH_ASSERT(!said || *said == change.id);
        write_change(out, change, posting_is_said, said.has_value());
    }
}

void write_event(Writer& out, const CommandDecided& event) {
    out.message(1, [&] { wire::write_command(out, event.command); });
    out.varint(2, static_cast<std::uint64_t>(event.outcome));
    SaidPostings said(event);
    const bool posting_is_said = said.are_said();
    if (posting_is_said) check_said(said, event);
    write_changes(out, event, posting_is_said);
    write_decided_details(out, event);
}

void write_event(Writer& out, const CommandAnswered& event) {
    out.varint(2, static_cast<std::uint64_t>(event.outcome));
    for (const Change& change : event.changes) write_change(out, change);
    if (event.hold) write_hold(out, *event.hold);
    if (event.entry) write_entry(out, *event.entry);
    if (!event.facts.is_empty()) wire::write_facts(out, 6, event.facts);
    write_moved(out, event.moved);
    out.message(kEventKind<CommandAnswered>.field, [&] {
        out.varint(1, event.by.shard.value());
        out.varint(2, event.by.record.value());
        out.varint(3, event.first_event.value());
        out.varint(4, event.ledger.value());
        wire::write_id(out, 5, event.id);
    });
}

void write_event(Writer& out, const ConflictSeen& event) {
    out.message(1, [&] { wire::write_command(out, event.command); });
    out.message(kEventKind<ConflictSeen>.field, [&] { out.varint(1, event.first_event.value()); });
}

void write_event(Writer& out, const Unreadable& event) {
    out.message(kEventKind<Unreadable>.field, [&] {
        out.varint(1, event.offset.value());
        if (event.member) out.varint(2, std::uint64_t{*event.member} + 1);
        out.varint(3, event.length);
        write_digest(out, 4, event.digest);
        out.varint(5, static_cast<std::uint64_t>(event.outcome));
        out.text(6, event.field);
        if (!event.next_offset) return;
        VOUCH_ASSERT(*event.next_offset > event.offset && !event.member && event.field.empty());
        out.varint(7, event.next_offset->value());
    });
}

void write_event(Writer& out, const TermStarted& event) {
    out.message(kEventKind<TermStarted>.field, [&] {
        out.varint(1, event.term.value());
        out.text(2, event.writer);
        out.text(3, event.program);
    });
}

void write_event(Writer& out, const EpochSealed& event) {
    out.message(kEventKind<EpochSealed>.field, [&] {
        out.varint(1, event.epoch.value());
        out.varint(2, event.first_event.value());
        out.varint(3, event.last_event.value());
        write_digest(out, 4, event.next_key_commitment);
    });
}

void write_event(Writer& out, const HoldExpired& event) {
    for (const Change& change : event.changes) write_change(out, change);
    write_hold(out, event.hold);
    out.message(kEventKind<HoldExpired>.field, [&] { out.varint(1, event.ledger.value()); });
}

void write_event(Writer& out, const CommandInTransit& event) {
    out.message(1, [&] { wire::write_command(out, event.command); });
    write_changes(out, event, false);
    if (event.hold) write_hold(out, *event.hold);
    if (event.entry) write_entry(out, *event.entry);
    write_moved(out, event.moved);
    out.message(kEventKind<CommandInTransit>.field, [&] { out.varint(1, event.to.value()); });
}

void write_event(Writer& out, const StepFollowed& event) {
    VOUCH_ASSERT(is_followed(event.step) && is_step_outcome(event.outcome));
    out.varint(2, static_cast<std::uint64_t>(event.outcome));
    for (const Change& change : event.changes) write_change(out, change);
    if (event.hold) write_hold(out, *event.hold);
    if (!event.facts.is_empty()) wire::write_facts(out, 6, event.facts);
    write_moved(out, event.moved);
    out.message(kEventKind<StepFollowed>.field,
                [&] { out.message(1, [&] { wire::write_step(out, event.step); }); });
}

void write_event(Writer& out, const TransitOpened& event) {
    write_change(out, event.change);
    out.message(kEventKind<TransitOpened>.field, [&] {
        out.varint(1, event.ledger.value());
        out.varint(2, event.from.value());
        out.varint(3, event.to.value());
        out.text(4, event.asset.code());
        out.varint(5, event.asset.scale().value());
        out.varint(6, event.successor);
    });
}

void write_event(Writer& out, const StepsTaken& event) {
    out.message(kEventKind<StepsTaken>.field, [&] {
        out.varint(1, event.from.value());
        out.varint(2, event.number.value());
        out.varint(3, event.first);
        out.varint(4, event.count);
        out.varint(5, event.record.value());
        write_digest(out, 6, event.record_digest);
        write_digest(out, 7, event.digest);
        out.varint(8, event.left);
        out.varint(9, event.rebuilt ? 1 : 0);
    });
}

void write_event(Writer& out, const StepsSent& event) {
    out.message(kEventKind<StepsSent>.field, [&] {
        out.varint(1, event.to.value());
        out.varint(2, event.number.value());
        out.varint(3, event.count);
        write_digest(out, 4, event.digest);
    });
}

void write_event(Writer& out, const StepRefused& event) {
    out.message(kEventKind<StepRefused>.field, [&] {
        out.varint(1, event.offset.value());
        out.varint(2, event.length);
        write_digest(out, 3, event.digest);
    });
}

void write_event(Writer& out, const CommandForwarded& event) {
    out.message(1, [&] { wire::write_command(out, event.command); });
    out.message(kEventKind<CommandForwarded>.field, [&] { out.varint(1, event.to.value()); });
}

void write_event(Writer& out, const ForwardRepeated& event) {
    out.message(1, [&] { wire::write_command(out, event.command); });
    out.message(kEventKind<ForwardRepeated>.field,
                [&] { out.varint(1, event.first_event.value()); });
}

void write_event(Writer& out, const Mark&) {
    out.message(kEventKind<Mark>.field, [] {});
}

void write_event(Writer& out, const InputMoved& event) {
    out.message(kEventKind<InputMoved>.field, [&] {
        out.varint(1, static_cast<std::uint64_t>(event.input));
        out.varint(2, event.from.value());
        out.varint(3, event.to.value());
        out.text(4, event.reason);
        out.text(5, event.asked_by);
    });
}

void write_event(Writer& out, const ClockAccepted& event) {
    out.message(kEventKind<ClockAccepted>.field, [&] {
        out.varint(1, static_cast<std::uint64_t>(event.accepted.value()));
        out.varint(2, static_cast<std::uint64_t>(event.last.value()));
        out.text(3, event.asked_by);
    });
}

void write_event(Writer& out, const TailLost& event) {
    VOUCH_ASSERT(event.known_record.has_value() == !event.known_digest.empty());
    out.message(kEventKind<TailLost>.field, [&] {
        out.varint(1, event.record.value());
        if (event.known_record) out.present_varint(2, event.known_record->value());
        write_digest(out, 3, event.known_digest);
        out.text(4, event.asked_by);
    });
}

void write_event(Writer& out, const FormatRaised& event) {
    out.message(kEventKind<FormatRaised>.field, [&] {
        out.varint(1, event.from);
        out.varint(2, event.to);
        out.text(3, event.asked_by);
    });
}

/// Of what many events share: changes, a hold, an entry.
template <class E>
std::size_t shared_bound(const E& event) {
    std::size_t bound = kEventBound + event.changes.size() * kChangeBound;
    if (event.hold) bound += kHoldBound;
    if constexpr (requires { event.entry; }) {
        if (event.entry) bound += kEntryBound + event.entry->refunded.size() * kRefundedBound;
    }
    return bound;
}

struct SizeBound {
    std::size_t operator()(const CommandDecided& event) const { return encoded_event_max(event); }
    std::size_t operator()(const CommandInTransit& event) const { return encoded_event_max(event); }
    std::size_t operator()(const CommandAnswered& event) const { return encoded_event_max(event); }
    std::size_t operator()(const StepFollowed& event) const { return encoded_event_max(event); }
    std::size_t operator()(const Unreadable& event) const {
        return kSmallEventBound + event.field.size();
    }
    std::size_t operator()(const HoldExpired& event) const {
        return kEventBound + kHoldBound + event.changes.size() * kChangeBound;
    }
    std::size_t operator()(const TransitOpened&) const { return kSmallEventBound + kChangeBound; }
    std::size_t operator()(const TermStarted& event) const {
        return kSmallEventBound + event.writer.size() + event.program.size();
    }
    std::size_t operator()(const InputMoved& event) const {
        return kSmallEventBound + event.reason.size() + event.asked_by.size();
    }
    template <class E>
        requires kIsOneOf<E, EpochSealed, StepsTaken, StepsSent, StepRefused, Mark>
    std::size_t operator()(const E&) const {
        return kSmallEventBound;
    }
    template <class E>
        requires kIsOneOf<E, ClockAccepted, TailLost, FormatRaised>
    std::size_t operator()(const E& event) const {
        return kSmallEventBound + event.asked_by.size();
    }
    /// Those that are a command and a number.
    template <class E>
        requires requires(const E& event) { event.command; }
    std::size_t operator()(const E& event) const {
        return kEventBound + wire::command_size_bound(event.command);
    }
};

/// Of the events that the handler writes most, each without making an Event of it first.
template <class E>
std::byte* append(const E& event, std::byte* out) {
    Writer writer(out);
    writer.message(1, [&] { write_event(writer, event); });
    return writer.at();
}

}  // namespace

std::byte* append_event(const CommandDecided& event, std::byte* out) { return append(event, out); }
std::byte* append_event(const CommandInTransit& event, std::byte* out) {
    return append(event, out);
}
std::byte* append_event(const CommandAnswered& event, std::byte* out) { return append(event, out); }
std::byte* append_event(const StepFollowed& event, std::byte* out) { return append(event, out); }

std::byte* append_event(const Event& event, std::byte* out) {
    return std::visit([out](const auto& kind) { return append(kind, out); }, event);
}

std::size_t encoded_event_max(const CommandDecided& event) {
    return shared_bound(event) + wire::kFactsBound + wire::command_size_bound(event.command) +
           event.members.size() * kMemberBound;
}

std::size_t encoded_event_max(const CommandAnswered& event) {
    return shared_bound(event) + kAnsweredBound + wire::kFactsBound;
}

std::size_t encoded_event_max(const CommandInTransit& event) {
    return shared_bound(event) + wire::command_size_bound(event.command);
}

std::size_t encoded_event_max(const StepFollowed& event) {
    return shared_bound(event) + wire::kFactsBound + wire::step_size_bound(event.step);
}

std::size_t encoded_event_max(const Event& event) { return std::visit(SizeBound{}, event); }

}  // namespace vouch
