// Events from bytes, which must be exactly what append_event writes. Field numbers and what is left
// out: schemas/event.proto, whose messages these are, one function each.
#include "events/entries/codec.h"
#include "events/entries/fields.h"
#include "events/entries/read_command.h"
#include "events/entries/said_postings.h"

#include <new>
#include <string>

namespace vouch {
namespace {

using wire::amount;
using wire::choice;
using wire::Form;
using wire::message;
using wire::number;
using wire::optional_id;
using wire::optional_number;
using wire::read_message;
using wire::repeated;
using wire::required_id;
using wire::text;
using In = wire::Reader<true>;
constexpr Form kForm = Form::canonical;

constexpr std::size_t kDigestBytes = 32;

/// The two halves of an amount that are not neighbours.
struct Halves {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    Amount amount() const { return Amount::from_halves(high, low); }
};

/// 32 bytes that must be given.
template <std::uint32_t kNumber>
struct DigestField : wire::FieldBase<kNumber> {
    std::span<const std::byte>& out;

    template <class M>
    void take(M& m) {
        if (m.tag() != wire::bytes_tag(kNumber)) return;
        m.take_element(kNumber, [&](In content) {
            out = {content.position(), content.size()};
            return true;
        });
    }
    template <class M>
    bool finish(const M&) {
        return out.size() == kDigestBytes;
    }
};
template <std::uint32_t kNumber>
auto digest(std::string_view name, std::span<const std::byte>& out) {
    return DigestField<kNumber>{{name}, out};
}

/// An outcome that must be given.
template <std::uint32_t kNumber>
struct OutcomeField : wire::FieldBase<kNumber> {
    Outcome& out;

    template <class M>
    void take(M& m) {
        if (m.tag() != wire::varint_tag(kNumber)) return;
        std::uint64_t value = 0;
        m.take_varint(kNumber, this->name, value, 0xff);
        if (m.failed()) return;
        const std::optional<Outcome> known = outcome_from_wire(value);
        if (!known) return m.refuse(this->name);
        out = *known;
    }
    template <class M>
    bool finish(const M& m) {
        return m.has(kNumber);
    }
};
template <std::uint32_t kNumber>
auto outcome(std::string_view name, Outcome& out) {
    return OutcomeField<kNumber>{{name}, out};
}

constexpr std::uint64_t bit(unsigned field) { return std::uint64_t{1} << field; }

/// Which fields of Event are there. Filled in last.
struct SeenFields : wire::FieldBase<0> {
    std::uint64_t& out;

    template <class M>
    void take(M&) {}
    template <class M>
    bool finish(const M& m) {
        out = m.seen();
        return true;
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
        const auto other = [&](In content) {
            other_content_ = content;
            return true;
        };
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
                message<6>("facts", [&](In content) { return facts(content, decided.facts); }),
                optional_id<7>("group", decided.group), amount<9>("moved", moved),
                repeated<11>(
                    "members", [&](std::size_t count) { return begin(members_, count); },
                    [&](In content) { return member(content, members_[member_count_++]); }),
                message<16>("conflict_seen", other), message<17>("unreadable", other),
                message<18>("term_started", other), message<19>("epoch_sealed", other),
                message<20>("hold_expired", other), SeenFields{{}, seen})) {
            return false;
        }
        if (seen >= bit(16)) return other_kind(seen, out);
        if ((seen & bit(1)) == 0) return refuse("command");
        const std::optional<Outcome> outcome = outcome_from_wire(outcome_number);
        if (!outcome) return refuse("outcome");
        decided.outcome = *outcome;
        if (!moved.is_zero()) decided.moved = moved;
        decided.changes = changes_;
        decided.members = members_;
        return fill_in_said(decided);
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
        const wire::SaidPostings said(decided);
        if (!said.are_said()) return true;
        if (changes_.size() != said.count(decided.outcome)) return refuse("changes");
        for (std::size_t i = 0; i < changes_.size(); ++i) {
            if (changes_[i].side) return refuse("changes.side");
            changes_[i].side = said.side(i);
            changes_[i].amount = said.amount(i);
        }
        return true;
    }

    /// The kinds of event that are not what became of a command: each with exactly its own fields.
    bool other_kind(std::uint64_t seen, Event& out) {
        const CommandDecided decided = *std::get_if<CommandDecided>(&out);
        if (seen == (bit(1) | bit(16))) {
            auto& conflict = out.emplace<ConflictSeen>();
            conflict.command = decided.command;
            return read_message<kForm>(
                other_content_, fault_, "conflict_seen",
                number<1>("conflict_seen.first_event", conflict.first_event));
        }
        if (seen == bit(17)) return unreadable(out.emplace<Unreadable>());
        if (seen == bit(18)) {
            return read_message<kForm>(
                other_content_, fault_, "term_started",
                number<1>("term_started.term", out.emplace<TermStarted>().term));
        }
        if (seen == bit(19)) return sealed(out.emplace<EpochSealed>());
        if ((seen | bit(3)) == (bit(3) | bit(4) | bit(20))) {
            auto& expired = out.emplace<HoldExpired>();
            expired.hold = *decided.hold;
            expired.changes = changes_;
            return read_message<kForm>(other_content_, fault_, "hold_expired",
                                       number<1>("hold_expired.ledger", expired.ledger));
        }
        return refuse("event");
    }

    bool unreadable(Unreadable& out) {
        std::uint32_t member_plus_one = 0;
        if (!read_message<kForm>(other_content_, fault_, "unreadable",
                                 number<1>("unreadable.offset", out.offset),
                                 number<2>("unreadable.member_plus_one", member_plus_one),
                                 number<3>("unreadable.length", out.length),
                                 digest<4>("unreadable.digest", out.digest),
                                 outcome<5>("unreadable.outcome", out.outcome),
                                 text<6>("unreadable.field", out.field, kShortTextMax))) {
            return false;
        }
        if (member_plus_one != 0) out.member = member_plus_one - 1;
        const bool is_reason =
            out.outcome == Outcome::malformed || out.outcome == Outcome::too_large;
        return is_reason || refuse("unreadable.outcome");
    }

    bool sealed(EpochSealed& out) {
        return read_message<kForm>(
            other_content_, fault_, "epoch_sealed", number<1>("epoch_sealed.epoch", out.epoch),
            number<2>("epoch_sealed.first_event", out.first_event),
            number<3>("epoch_sealed.last_event", out.last_event),
            digest<4>("epoch_sealed.next_key_commitment", out.next_key_commitment));
    }

    bool command(In in, Command& out) {
        if (in.size() > kCommandBytesMax) return refuse("command");
        return wire::read_command<kForm>(in, arena_, out, fault_);
    }

    bool change(In in, Change& out) {
        Halves debits_posted;
        Halves credits_posted;
        Halves debits_held;
        Halves credits_held;
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
                amount<15>("changes.amount", out.amount))) {
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
                                 choice<10>("hold.status", out.status, HoldStatus::expired))) {
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
                                   amount<2>("entry.refunded.amount", out.amount)) &&
               (!out.amount.is_zero() || refuse("entry.refunded.amount"));
    }

    bool facts(In in, Facts& out) {
        const auto fact = [this](std::optional<AmountFact>& known) {
            return [this, &known](In content) { return amount_fact(content, known.emplace()); };
        };
        return read_message<kForm>(in, fault_, "facts",
                                   optional_id<1>("facts.account", out.account),
                                   message<3>("facts.available", fact(out.available)),
                                   message<4>("facts.limit", fact(out.limit)),
                                   message<5>("facts.held", fact(out.held)),
                                   message<6>("facts.remaining", fact(out.remaining)),
                                   optional_number<7>("facts.version", out.version)) &&
               (!out.is_empty() || refuse("facts"));
    }

    bool amount_fact(In in, AmountFact& out) {
        return read_message<kForm>(in, fault_, "facts", number<1>("facts.unlimited", out.unlimited),
                                   amount<2>("facts.amount", out.amount));
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
    In other_content_;
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
