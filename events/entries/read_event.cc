// Events from bytes, which must be exactly what append_event writes. Field numbers and what is left
// out: schemas/event.proto, whose messages these are, one function each.
#include "events/entries/codec.h"
#include "events/entries/event.h"
#include "events/entries/event_fields.h"
#include "events/entries/read_command.h"
#include "events/entries/read_event_kind.h"
#include "events/entries/read_step.h"
#include "events/entries/said_postings.h"

#include <algorithm>
#include <new>
#include <string>

namespace vouch {
namespace {

using wire::amount;
using wire::bit;
using wire::choice;
using wire::WireForm;
using wire::kept;
using wire::message;
using wire::number;
using wire::optional_id;
using wire::outcome;
using wire::read_message;
using wire::repeated;
using wire::required_id;
using In = wire::Reader<true>;
constexpr WireForm kForm = WireForm::canonical;

/// The two halves of an amount that are not neighbours.
struct AmountHalves {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    Amount amount() const { return Amount::from_halves(high, low); }
};

// Told from the outcome of a command decided at once by this field, which stands before the others.
constexpr std::uint32_t kAnswered = kEventKind<CommandAnswered>.field;
constexpr std::uint32_t kFirstKind = 16;
constexpr std::uint32_t kLastKind = std::ranges::max(kEventKinds, {}, &EventKind::field).field;
static_assert(std::ranges::all_of(kEventKinds, [](const EventKind& kind) {
    return kind.field >= kFirstKind || kind.index == kAlternative<CommandDecided, Event> ||
           kind.field == kAnswered;
}));

/// The field that says the kind, of events that are not what became of a command. A second one is
/// a fault.
struct KindField : wire::FieldBase<kFirstKind, kLastKind> {
    std::uint32_t& number;
    In& content;

    template <class M>
    void take(M& m) {
        if (m.tag() < wire::bytes_tag(kFirstKind) || m.tag() > wire::bytes_tag(kLastKind)) return;
        if ((m.tag() & 7) != (wire::bytes_tag(kFirstKind) & 7)) return;
        number = m.tag() >> 3;
        m.take_element(number, [this](In found) {
            content = found;
            return true;
        });
    }
};

/// Reads one event. Each function returns false when it has written to `fault_` what is wrong.
class EventDecoder {
public:
    EventDecoder(Arena& arena, CommandFault& fault) : arena_(arena), fault_(fault) {}

    /// `out` holds an empty CommandDecided.
    bool event(In in, Event& out) {
        CommandDecided& decided = *std::get_if<CommandDecided>(&out);
        std::uint64_t outcome_number = 0;
        Amount moved;
        std::uint64_t seen = 0;
        if (!read_message<kForm>(
                in, fault_, "event",
                message<1>("command",
                           [&](In content) { return command(content, decided.command); }),
                number<2>("outcome", outcome_number),
                repeated<3>(
                    "changes", [&](std::size_t count) { return begin(changes_, count); },
                    [&](In content) { return change(content, changes_[change_count_++]); }),
                message<4>("hold",
                           [&](In content) { return hold(content, decided.hold.emplace()); }),
                message<5>("entry",
                           [&](In content) { return entry(content, decided.entry.emplace()); }),
                message<6>(
                    "facts",
                    [&](In content) { return wire::read_facts(content, decided.facts, fault_); }),
                optional_id<7>("group", decided.group), amount<9>("moved", moved),
                repeated<11>(
                    "members", [&](std::size_t count) { return begin(members_, count); },
                    [&](In content) { return member(content, members_[member_count_++]); }),
                message<kAnswered>("answered",
                                   [&](In content) {
                                       kind_ = kAnswered;
                                       kind_content_ = content;
                                       return true;
                                   }),
                kept<13>("principal"), kept<14>("door_key"), kept<15>("level"),
                KindField{{"event"}, kind_, kind_content_}, wire::SeenFields{{}, seen})) {
            return false;
        }
        const std::optional<Outcome> outcome = outcome_from_wire(outcome_number);
        if ((seen & bit(2)) != 0 && !outcome) return refuse("outcome");
        if (outcome) decided.outcome = *outcome;
        if (!moved.is_zero()) decided.moved = moved;
        decided.changes = changes_;
        decided.members = members_;
        if (kind_ != 0) return other_kind(seen & ~bit(kind_), out);
        if ((seen & bit(1)) == 0) return refuse("command");
        if (!outcome) return refuse("outcome");
        return wire::fill_in_ids(decided, changes_, fault_) && fill_in_said(decided);
    }

private:
    bool refuse(std::string_view field) {
        wire::report(fault_, field);
        return false;
    }

    template <class T>
    bool begin(std::span<T>& elements, std::size_t count) {
        elements = arena_.make<T>(count);
        return true;
    }

    /// The postings that the changes leave to the command.
    bool fill_in_said(const CommandDecided& decided) {
        wire::SaidPostings said(decided);
        if (!said.are_said()) return true;
        if (changes_.size() != said.count(decided.outcome)) return refuse("changes");
        for (Change& change : changes_) {
            if (change.side) return refuse("changes.side");
            const auto [side, amount] = said.next();
            change.side = side;
            change.amount = amount;
        }
        return true;
    }

    [[gnu::noinline]] bool other_kind(std::uint64_t parts, Event& out) {
        const CommandDecided found = *std::get_if<CommandDecided>(&out);
        return wire::read_event_kind({kind_content_, found, changes_, arena_, fault_}, kind_, parts,
                                     out);
    }

    bool command(In in, Command& out) {
        if (in.size() > kCommandBytesMax) return refuse("command");
        return wire::read_command<kForm>(in, arena_, out, fault_);
    }

    bool change(In in, Change& out) {
        AmountHalves debits_posted;
        AmountHalves credits_posted;
        AmountHalves debits_held;
        AmountHalves credits_held;
        std::uint8_t side = 0;
        if (!read_message<kForm>(
                in, fault_, "changes", number<1>("changes.account", out.account),
                number<2>("changes.version", out.version),
                number<3>("changes.debits_posted", debits_posted.low),
                number<4>("changes.credits_posted", credits_posted.low),
                number<5>("changes.debits_held", debits_held.low),
                number<6>("changes.credits_held", credits_held.low),
                number<7>("changes.debits_posted", debits_posted.high),
                number<8>("changes.credits_posted", credits_posted.high),
                number<9>("changes.debits_held", debits_held.high),
                number<10>("changes.credits_held", credits_held.high),
                message<11>("changes.limit",
                            [&](In content) {
                                return wire::read_nonzero_limit<kForm>(content, out.limit, fault_);
                            }),
                choice<12>("changes.block", out.state.block, Block::both),
                number<13>("changes.closed", out.state.closed), number<14>("changes.side", side, 2),
                amount<15>("changes.amount", out.amount),
                optional_id<17>("changes.id", out.id))) {
            return false;
        }
        out.totals = {debits_posted.amount(), credits_posted.amount(), debits_held.amount(),
                      credits_held.amount()};
        if (side != 0) out.side = static_cast<Side>(side);
        return side != 0 || out.amount.is_zero() || refuse("changes.side");
    }

    bool hold(In in, HoldState& out) {
        std::uint32_t payee_plus_one = 0;
        if (!read_message<kForm>(in, fault_, "hold", required_id<1>("hold.id", out.id),
                                 number<3>("hold.payer", out.payer),
                                 number<4>("hold.payee_plus_one", payee_plus_one),
                                 amount<5>("hold.remaining", out.remaining),
                                 amount<7>("hold.captured", out.captured),
                                 number<9>("hold.expires_at", out.expires_at),
                                 choice<10>("hold.status", out.status, HoldStatus::refused),
                                 optional_id<11>("hold.remote_payee", out.remote_payee))) {
            return false;
        }
        if (payee_plus_one != 0) out.payee = AccountNumber(payee_plus_one - 1);
        return true;
    }

    bool entry(In in, EntryState& out) {
        std::span<Refunded> refunds;
        std::size_t count = 0;
        if (!read_message<kForm>(
                in, fault_, "entry", required_id<1>("entry.id", out.id),
                number<3>("entry.reversed", out.reversed),
                repeated<4>(
                    "entry.refunded", [&](std::size_t all) { return begin(refunds, all); },
                    [&](In content) { return refunded(content, refunds[count++]); }))) {
            return false;
        }
        out.refunded = refunds;
        for (std::size_t i = 1; i < refunds.size(); ++i) {
            if (refunds[i].posting <= refunds[i - 1].posting)
                return refuse("entry.refunded.posting");
        }
        return true;
    }

    bool refunded(In in, Refunded& out) {
        return read_message<kForm>(in, fault_, "entry.refunded",
                                   number<1>("entry.refunded.posting", out.posting),
                                   amount<2>("entry.refunded.amount", out.amount));
    }

    bool member(In in, MemberOutcome& out) {
        return read_message<kForm>(in, fault_, "members",
                                   outcome<1>("members.outcome", out.outcome),
                                   number<2>("members.repeated", out.repeated));
    }

    Arena& arena_;
    CommandFault& fault_;
    std::span<Change> changes_;
    std::size_t change_count_ = 0;
    std::span<MemberOutcome> members_;
    std::size_t member_count_ = 0;
    std::uint32_t kind_ = 0;  // field of Event; 0: what became of a command
    In kind_content_;
};

}  // namespace

Status decode_event(std::span<const std::byte> bytes, Arena& arena, Event& event) {
    ::new (static_cast<void*>(&event)) Event;
    CommandFault fault;
    if (EventDecoder(arena, fault).event(In(bytes.data(), bytes.size()), event)) return {};
    return Fault{FaultCode::corrupt, "expected a canonical event, found a fault in the field '" +
                                         std::string(fault.field) + "'"};
}

Result<Event> decode_event(std::span<const std::byte> bytes, Arena& arena) {
    Result<Event> result{Event()};
    const Status status = decode_event(bytes, arena, *result);
    if (!status) result = status.error();
    return result;
}

}  // namespace vouch
