// Events from bytes, which must be exactly what append_event writes. One function a message; the
// tables name its fields for faults, in the order of their numbers.
#include <limits>
#include <string>

#include "events/entries/codec.h"
#include "events/entries/fields.h"
#include "events/entries/read_command.h"
#include "events/entries/said_postings.h"

namespace vouch {
namespace {

using wire::bytes_tag;
using wire::Fields;
using wire::fixed64_tag;
using wire::Form;
using wire::Halves;
using wire::Shape;
using wire::varint_tag;
using In = wire::Reader<true>;

constexpr std::string_view kEventNames[] = {
    "event",   "command", "outcome", "changes", "hold",         "entry",        "facts",
    "group",   "group",   "moved",   "moved",   "members",      "",             "",
    "",        "",        "conflict_seen", "unreadable", "term_started", "epoch_sealed", "hold_expired"};
constexpr std::string_view kChangeNames[] = {
    "changes",               "changes.account",        "changes.version",
    "changes.debits_posted", "changes.credits_posted", "changes.debits_held",
    "changes.credits_held",  "changes.debits_posted",  "changes.credits_posted",
    "changes.debits_held",   "changes.credits_held",   "changes.limit",
    "changes.block",         "changes.closed",         "changes.side",
    "changes.amount",        "changes.amount"};
constexpr std::string_view kHoldNames[] = {
    "hold",           "hold.id",       "hold.id",       "hold.payer",      "hold.payee_plus_one",
    "hold.remaining", "hold.remaining", "hold.captured", "hold.captured", "hold.expires_at",
    "hold.status"};
constexpr std::string_view kEntryNames[] = {"entry", "entry.id", "entry.id", "entry.reversed",
                                            "entry.refunded"};
constexpr std::string_view kRefundedNames[] = {"entry.refunded", "entry.refunded.posting",
                                               "entry.refunded.amount", "entry.refunded.amount"};
constexpr std::string_view kFactsNames[] = {"facts",       "facts.account",   "facts.account",
                                            "facts.available", "facts.limit", "facts.held",
                                            "facts.remaining", "facts.version"};
constexpr std::string_view kAmountFactNames[] = {"facts", "facts.unlimited", "facts.amount",
                                                 "facts.amount"};
constexpr std::string_view kMemberNames[] = {"members", "members.outcome", "members.repeated"};
constexpr std::string_view kConflictNames[] = {"conflict_seen", "conflict_seen.first_event"};
constexpr std::string_view kUnreadableNames[] = {
    "unreadable",        "unreadable.offset",  "unreadable.member_plus_one", "unreadable.length",
    "unreadable.digest", "unreadable.outcome", "unreadable.field"};
constexpr std::string_view kTermNames[] = {"term_started", "term_started.term"};
constexpr std::string_view kSealedNames[] = {"epoch_sealed", "epoch_sealed.epoch",
                                             "epoch_sealed.first_event", "epoch_sealed.last_event",
                                             "epoch_sealed.next_key_commitment"};
constexpr std::string_view kExpiredNames[] = {"hold_expired", "hold_expired.ledger"};

constexpr Shape kEventShape{kEventNames, 1U << 3 | 1U << 11};
constexpr Shape kChangeShape{kChangeNames};
constexpr Shape kHoldShape{kHoldNames};
constexpr Shape kEntryShape{kEntryNames, 1U << 4};
constexpr Shape kRefundedShape{kRefundedNames};
constexpr Shape kFactsShape{kFactsNames};
constexpr Shape kAmountFactShape{kAmountFactNames};
constexpr Shape kMemberShape{kMemberNames};
constexpr Shape kConflictShape{kConflictNames};
constexpr Shape kUnreadableShape{kUnreadableNames};
constexpr Shape kTermShape{kTermNames};
constexpr Shape kSealedShape{kSealedNames};
constexpr Shape kExpiredShape{kExpiredNames};

template <const Shape& shape>
using FieldsOf = Fields<Form::canonical, shape>;

constexpr std::size_t kDigestBytes = 32;
constexpr std::uint64_t kInt64Max =
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

// Which fields of Event each kind has.
constexpr std::uint64_t bit(unsigned field) { return std::uint64_t{1} << field; }
constexpr std::uint64_t kConflictFields = bit(1) | bit(16);
constexpr std::uint64_t kUnreadableFields = bit(17);
constexpr std::uint64_t kTermFields = bit(18);
constexpr std::uint64_t kSealedFields = bit(19);
constexpr std::uint64_t kExpiredFields = bit(3) | bit(4) | bit(20);
constexpr std::uint64_t kKindFields = bit(16) | bit(17) | bit(18) | bit(19) | bit(20);

/// Reads one event. Each function returns false when it has written to `fault_` what is wrong.
class EventDecoder {
public:
    EventDecoder(Arena& arena, CommandFault& fault) : arena_(arena), fault_(fault) {}

    bool event(In in, Event& out) {
        FieldsOf<kEventShape> fields(in, fault_);
        CommandDecided& decided = out.emplace<CommandDecided>();
        while (fields.next()) {
            switch (fields.tag()) {
                case bytes_tag(1): read(fields, [&](In content) { return command(content, decided.command); }); break;
                case varint_tag(2): outcome(fields, decided.outcome); break;
                case bytes_tag(3): change_of_run(fields); break;
                default: other_field(fields, decided);
            }
        }
        if (fields.failed()) return false;
        if ((fields.seen() & kKindFields) != 0) return other_kind(fields.seen(), out);
        if (!fields.has(1)) return refuse("command");
        if (!fields.has(2)) return refuse("outcome");
        return finish_decided(fields.seen(), decided);
    }

private:
    bool refuse(std::string_view field) {
        wire::report(fault_, field);
        return false;
    }

    /// Reads the present field's content with `function`.
    template <class F, class Function>
    void read(F& fields, Function&& function) {
        const In content = fields.message();
        if (!fields.failed() && !function(content)) fields.stop();
    }

    bool command(In in, Command& out) {
        if (in.size() > kCommandBytesMax) return refuse("command");
        return wire::read_command<Form::canonical>(in, arena_, out, fault_);
    }

    template <class F>
    void outcome(F& fields, Outcome& out) {
        std::uint8_t number = 0;
        fields.number(number);
        if (fields.failed()) return;
        const std::optional<Outcome> known = outcome_from_wire(number);
        if (!known) {
            fields.refuse();
        } else {
            out = *known;
        }
    }

    template <class F>
    void change_of_run(F& fields) {
        if (changes_.empty()) changes_ = arena_.make<Change>(fields.count_run());
        read(fields, [&](In content) { return change(content, changes_[change_count_++]); });
    }

    template <class F>
    void other_field(F& fields, CommandDecided& decided) {
        switch (fields.tag()) {
            case bytes_tag(4): read(fields, [&](In content) { return hold(content, decided.hold.emplace()); }); break;
            case bytes_tag(5): read(fields, [&](In content) { return entry(content, decided.entry.emplace()); }); break;
            case bytes_tag(6): read(fields, [&](In content) { return facts(content, decided.facts); }); break;
            case fixed64_tag(7): fields.fixed64(group_.high); break;
            case fixed64_tag(8): fields.fixed64(group_.low); break;
            case varint_tag(9): fields.number(moved_.low); break;
            case varint_tag(10): fields.number(moved_.high); break;
            case bytes_tag(11):
                if (members_.empty()) members_ = arena_.make<MemberOutcome>(fields.count_run());
                read(fields, [&](In content) { return member(content, members_[member_count_++]); });
                break;
            case bytes_tag(16): read(fields, [&](In content) { return conflict(content); }); break;
            case bytes_tag(17): read(fields, [&](In content) { return unreadable(content); }); break;
            case bytes_tag(18): read(fields, [&](In content) { return term(content); }); break;
            case bytes_tag(19): read(fields, [&](In content) { return sealed(content); }); break;
            case bytes_tag(20): read(fields, [&](In content) { return expired(content); }); break;
            default: fields.refuse_unknown();
        }
    }

    /// What needs more than one field, and what the command says.
    bool finish_decided(std::uint64_t seen, CommandDecided& out) {
        if ((seen & (bit(7) | bit(8))) != 0) {
            out.group = group_.id<CommandId>();
            if (!out.group.is_usable()) return refuse("group");
        }
        if ((seen & (bit(9) | bit(10))) != 0) out.moved = moved_.amount();
        out.changes = changes_;
        out.members = members_;
        const wire::SaidPostings said(out);
        if (!said.are_said()) return true;
        if (changes_.size() != said.count(out.outcome)) return refuse("changes");
        for (std::size_t i = 0; i < changes_.size(); ++i) {
            if (changes_[i].side) return refuse("changes.side");
            changes_[i].side = said.side(i);
            changes_[i].amount = said.amount(i);
        }
        return true;
    }

    /// The kinds that are not about what became of a command; `out` is a CommandDecided so far.
    bool other_kind(std::uint64_t seen, Event& out) {
        const auto& decided = *std::get_if<CommandDecided>(&out);
        if (seen == kConflictFields) {
            conflict_.command = decided.command;
            out = conflict_;
        } else if (seen == kUnreadableFields) {
            out = unreadable_;
        } else if (seen == kTermFields) {
            out = term_;
        } else if (seen == kSealedFields) {
            out = sealed_;
        } else if ((seen & ~bit(3)) == (kExpiredFields & ~bit(3))) {
            expired_.hold = *decided.hold;
            expired_.changes = changes_;
            out = expired_;
        } else {
            return refuse("event");
        }
        return true;
    }

    bool change(In in, Change& out) {
        FieldsOf<kChangeShape> fields(in, fault_);
        std::uint32_t account = 0;
        std::uint64_t version = 0;
        Halves debits_posted;
        Halves credits_posted;
        Halves debits_held;
        Halves credits_held;
        while (fields.next()) {
            switch (fields.tag()) {
                case varint_tag(1): fields.number(account); break;
                case varint_tag(2): fields.number(version); break;
                case varint_tag(3): fields.number(debits_posted.low); break;
                case varint_tag(4): fields.number(credits_posted.low); break;
                case varint_tag(5): fields.number(debits_held.low); break;
                case varint_tag(6): fields.number(credits_held.low); break;
                case varint_tag(7): fields.number(debits_posted.high); break;
                case varint_tag(8): fields.number(credits_posted.high); break;
                case varint_tag(9): fields.number(debits_held.high); break;
                case varint_tag(10): fields.number(credits_held.high); break;
                default: change_details(fields, out);
            }
        }
        if (fields.failed()) return false;
        if (!fields.has(14) && (fields.has(15) || fields.has(16))) return refuse("changes.side");
        out.account = AccountNumber(account);
        out.version = Version(version);
        out.totals = {debits_posted.amount(), credits_posted.amount(), debits_held.amount(),
                      credits_held.amount()};
        return true;
    }

    template <class F>
    void change_details(F& fields, Change& out) {
        std::uint8_t number = 0;
        std::uint64_t half = 0;
        switch (fields.tag()) {
            case bytes_tag(11):
                read(fields, [&](In content) {
                    return wire::read_limit<Form::canonical>(content, out.limit, fault_);
                });
                if (!fields.failed() && out.limit == Limit{}) fields.refuse();
                break;
            case varint_tag(12):
                fields.number(number, 3);
                out.state.block = static_cast<Block>(number);
                break;
            case varint_tag(13): fields.boolean(out.state.closed); break;
            case varint_tag(14):
                fields.number(number, 2);
                out.side = static_cast<Side>(number);
                break;
            case varint_tag(15):
                fields.number(half);
                out.amount = Amount::from_halves(0, half);
                break;
            case varint_tag(16):
                fields.number(half);
                out.amount = Amount::from_halves(half, out.amount.low());
                break;
            default: fields.refuse_unknown();
        }
    }

    bool hold(In in, HoldState& out) {
        FieldsOf<kHoldShape> fields(in, fault_);
        Halves id;
        Halves remaining;
        Halves captured;
        std::uint32_t payer = 0;
        std::uint32_t payee_plus_one = 0;
        std::int64_t expires_at = 0;
        std::uint8_t status = 0;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(id.high); break;
                case fixed64_tag(2): fields.fixed64(id.low); break;
                case varint_tag(3): fields.number(payer); break;
                case varint_tag(4): fields.number(payee_plus_one); break;
                case varint_tag(5): fields.number(remaining.low); break;
                case varint_tag(6): fields.number(remaining.high); break;
                case varint_tag(7): fields.number(captured.low); break;
                case varint_tag(8): fields.number(captured.high); break;
                case varint_tag(9): fields.number(expires_at, kInt64Max); break;
                case varint_tag(10): fields.number(status, 3); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        out.id = id.id<CommandId>();
        if (!out.id.is_usable()) return refuse("hold.id");
        out.payer = AccountNumber(payer);
        if (payee_plus_one != 0) out.payee = AccountNumber(payee_plus_one - 1);
        out.remaining = remaining.amount();
        out.captured = captured.amount();
        out.expires_at = Timestamp(expires_at);
        out.status = static_cast<HoldStatus>(status);
        return true;
    }

    bool entry(In in, EntryState& out) {
        FieldsOf<kEntryShape> fields(in, fault_);
        Halves id;
        std::span<Refunded> all;
        std::size_t count = 0;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(id.high); break;
                case fixed64_tag(2): fields.fixed64(id.low); break;
                case varint_tag(3): fields.boolean(out.reversed); break;
                case bytes_tag(4):
                    if (all.empty()) all = arena_.make<Refunded>(fields.count_run());
                    read(fields, [&](In content) { return refunded(content, all[count++]); });
                    break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        out.id = id.id<CommandId>();
        out.refunded = all;
        if (!out.id.is_usable()) return refuse("entry.id");
        for (std::size_t i = 1; i < all.size(); ++i) {
            if (all[i].posting <= all[i - 1].posting) return refuse("entry.refunded.posting");
        }
        return true;
    }

    bool refunded(In in, Refunded& out) {
        FieldsOf<kRefundedShape> fields(in, fault_);
        Halves amount;
        while (fields.next()) {
            switch (fields.tag()) {
                case varint_tag(1): fields.number(out.posting); break;
                case varint_tag(2): fields.number(amount.low); break;
                case varint_tag(3): fields.number(amount.high); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        out.amount = amount.amount();
        return !out.amount.is_zero() || refuse("entry.refunded.amount");
    }

    bool facts(In in, Facts& out) {
        FieldsOf<kFactsShape> fields(in, fault_);
        Halves account;
        const auto fact = [&](std::optional<AmountFact>& known) {
            read(fields, [&](In content) { return amount_fact(content, known.emplace()); });
        };
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(account.high); break;
                case fixed64_tag(2): fields.fixed64(account.low); break;
                case bytes_tag(3): fact(out.available); break;
                case bytes_tag(4): fact(out.limit); break;
                case bytes_tag(5): fact(out.held); break;
                case bytes_tag(6): fact(out.remaining); break;
                case varint_tag(7): {
                    std::uint64_t version = 0;
                    fields.present_number(version);
                    out.version = Version(version);
                    break;
                }
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        out.account = account.id<AccountId>();
        return fields.seen() != 0 || refuse("facts");
    }

    bool amount_fact(In in, AmountFact& out) {
        FieldsOf<kAmountFactShape> fields(in, fault_);
        Halves amount;
        while (fields.next()) {
            switch (fields.tag()) {
                case varint_tag(1): fields.boolean(out.unlimited); break;
                case varint_tag(2): fields.number(amount.low); break;
                case varint_tag(3): fields.number(amount.high); break;
                default: fields.refuse_unknown();
            }
        }
        out.amount = amount.amount();
        return !fields.failed();
    }

    bool member(In in, MemberOutcome& out) {
        FieldsOf<kMemberShape> fields(in, fault_);
        while (fields.next()) {
            switch (fields.tag()) {
                case varint_tag(1): outcome(fields, out.outcome); break;
                case varint_tag(2): fields.boolean(out.repeated); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        return fields.has(1) || refuse("members.outcome");
    }

    bool conflict(In in) {
        FieldsOf<kConflictShape> fields(in, fault_);
        std::uint64_t first_event = 0;
        while (fields.next()) {
            switch (fields.tag()) {
                case varint_tag(1): fields.number(first_event); break;
                default: fields.refuse_unknown();
            }
        }
        conflict_.first_event = EventNumber(first_event);
        return !fields.failed();
    }

    bool unreadable(In in) {
        FieldsOf<kUnreadableShape> fields(in, fault_);
        std::uint64_t offset = 0;
        std::uint32_t member_plus_one = 0;
        while (fields.next()) {
            switch (fields.tag()) {
                case varint_tag(1): fields.number(offset); break;
                case varint_tag(2): fields.number(member_plus_one); break;
                case varint_tag(3): fields.number(unreadable_.length); break;
                case bytes_tag(4): digest(fields, unreadable_.digest); break;
                case varint_tag(5): outcome(fields, unreadable_.outcome); break;
                case bytes_tag(6): fields.text(unreadable_.field, kShortTextMax); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        unreadable_.offset = Offset(offset);
        if (member_plus_one != 0) unreadable_.member = member_plus_one - 1;
        if (!fields.has(4)) return refuse("unreadable.digest");
        const bool is_reason = unreadable_.outcome == Outcome::malformed ||
                               unreadable_.outcome == Outcome::too_large;
        if (!fields.has(5) || !is_reason) return refuse("unreadable.outcome");
        return true;
    }

    template <class F>
    void digest(F& fields, std::span<const std::byte>& out) {
        const In content = fields.message();
        if (fields.failed()) return;
        if (content.size() != kDigestBytes) {
            fields.refuse();
            return;
        }
        out = {content.position(), content.size()};
    }

    bool term(In in) {
        FieldsOf<kTermShape> fields(in, fault_);
        std::uint64_t number = 0;
        while (fields.next()) {
            switch (fields.tag()) {
                case varint_tag(1): fields.number(number); break;
                default: fields.refuse_unknown();
            }
        }
        term_.term = Term(number);
        return !fields.failed();
    }

    bool sealed(In in) {
        FieldsOf<kSealedShape> fields(in, fault_);
        std::uint64_t epoch = 0;
        std::uint64_t first_event = 0;
        std::uint64_t last_event = 0;
        while (fields.next()) {
            switch (fields.tag()) {
                case varint_tag(1): fields.number(epoch); break;
                case varint_tag(2): fields.number(first_event); break;
                case varint_tag(3): fields.number(last_event); break;
                case bytes_tag(4): digest(fields, sealed_.next_key_commitment); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        sealed_.epoch = Epoch(epoch);
        sealed_.first_event = EventNumber(first_event);
        sealed_.last_event = EventNumber(last_event);
        return fields.has(4) || refuse("epoch_sealed.next_key_commitment");
    }

    bool expired(In in) {
        FieldsOf<kExpiredShape> fields(in, fault_);
        std::uint32_t ledger = 0;
        while (fields.next()) {
            switch (fields.tag()) {
                case varint_tag(1): fields.number(ledger); break;
                default: fields.refuse_unknown();
            }
        }
        expired_.ledger = LedgerId(ledger);
        return !fields.failed();
    }

    Arena& arena_;
    CommandFault& fault_;
    std::span<Change> changes_;
    std::size_t change_count_ = 0;
    std::span<MemberOutcome> members_;
    std::size_t member_count_ = 0;
    Halves group_;
    Halves moved_;
    ConflictSeen conflict_;
    Unreadable unreadable_;
    TermStarted term_;
    EpochSealed sealed_;
    HoldExpired expired_;
};

}  // namespace

Result<Event> decode_event(std::span<const std::byte> bytes, Arena& arena) {
    Event event;
    CommandFault fault;
    if (EventDecoder(arena, fault).event(In(bytes.data(), bytes.size()), event)) return event;
    return Fault{FaultCode::corrupt,
                 "expected a canonical event, found a fault in the field '" + std::string(fault.field) +
                     "'"};
}

}  // namespace vouch
