#pragma once

#include "events/entries/command.h"
#include "events/entries/facts.h"
#include "events/entries/step.h"
#include "events/money/account.h"
#include "events/money/hold.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/money/outcome.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace vouch {

/// Events as values; meaning of every field: schemas/event.proto, which has the same names.

/// An account after a change. Its row is replaced by this.
struct Change {
    AccountNumber account;
    Version version;
    Totals totals;
    Limit limit;
    AccountState state;
    /// The posting that this change is; empty for holds, state and limit. Always filled in here,
    /// also where the wire leaves it to the command.
    std::optional<Side> side;
    Amount amount;  ///< zero when `side` is empty
    /// Zero for a transit account. Always filled in here too.
    AccountId id{};

    friend bool operator==(const Change&, const Change&) = default;
};

struct HoldState {
    CommandId id;
    AccountNumber payer;
    std::optional<AccountNumber> payee;
    Amount remaining;
    Amount captured;
    Timestamp expires_at;  ///< 0: never
    HoldStatus status = HoldStatus::open;
    /// The payee where it is on another shard: `payee` is then the transit account.
    AccountId remote_payee{};

    friend bool operator==(const HoldState&, const HoldState&) = default;
};

struct Refunded {
    std::uint32_t posting = 0;
    Amount amount;
    friend bool operator==(const Refunded&, const Refunded&) = default;
};

/// What the event changed of an entry: its mark, and the refunded sums as they are after it.
struct EntryState {
    CommandId id;
    bool reversed = false;
    std::span<const Refunded> refunded;  ///< by ascending posting; the sums that changed
};

struct MemberOutcome {
    Outcome outcome = Outcome::done;
    bool repeated = false;
    friend bool operator==(const MemberOutcome&, const MemberOutcome&) = default;
};

/// The answer of another shard that an outcome follows from.
struct AnsweredBy {
    ShardId shard;
    RecordNumber record;
    friend bool operator==(const AnsweredBy&, const AnsweredBy&) = default;
};

/// What became of a command that was decided at once. Of a refusal: no changes, perhaps facts.
struct CommandDecided {
    Command command;
    Outcome outcome = Outcome::malformed;
    std::span<const Change> changes;
    std::optional<HoldState> hold;
    std::optional<EntryState> entry;
    Facts facts;
    CommandId group;  ///< zero: sent alone
    /// What was moved, captured, held or refunded, when the command did not say it exactly.
    std::optional<Amount> moved;
    std::span<const MemberOutcome> members;  ///< of a group, one for each member
};

/// An accepted command that waits for another shard: what it led to here so far.
struct CommandInTransit {
    Command command;
    ShardId to;
    std::span<const Change> changes;
    std::optional<HoldState> hold;
    std::optional<EntryState> entry;
    /// On its way, when the command does not say it exactly.
    std::optional<Amount> moved;
};

/// What became of a command that was in transit: the command stands there, `first_event`.
struct CommandAnswered {
    LedgerId ledger;
    CommandId id;
    EventNumber first_event;
    AnsweredBy by;
    Outcome outcome = Outcome::malformed;
    /// What the answer changed here: nothing when all was taken, else what came back.
    std::span<const Change> changes;
    std::optional<HoldState> hold;
    std::optional<EntryState> entry;
    Facts facts;
    std::optional<Amount> moved;  ///< when the command did not say it exactly
};

struct ConflictSeen {
    Command command;
    EventNumber first_event;
};

struct Unreadable {
    Offset offset;
    std::optional<std::uint32_t> member;  ///< empty: the batch itself cannot be parsed
    std::uint64_t length = 0;
    /// 32 bytes, SHA-256; empty where the bytes of a range are not known.
    std::span<const std::byte> digest;
    Outcome outcome = Outcome::malformed;
    std::string_view field;
    /// Of a range that cannot be fetched: the first offset behind it.
    std::optional<Offset> next_offset{};
};

struct TermStarted {
    Term term;
    std::string_view writer{};   ///< at most kShortTextMax, as are the names below
    std::string_view program{};  ///< its version
};

struct EpochSealed {
    Epoch epoch;
    EventNumber first_event;
    EventNumber last_event;
    std::span<const std::byte> next_key_commitment;  ///< 32 bytes
};

struct HoldExpired {
    LedgerId ledger;
    HoldState hold;
    std::span<const Change> changes;
};

/// What a step of another shard led to here: `posted`, `held`, `captured`, `released`, or a
/// refusal.
struct StepFollowed {
    Step step;  ///< a credit, hold, capture or release
    Outcome outcome = Outcome::malformed;
    std::span<const Change> changes;  ///< debit, then credit; none when refused
    std::optional<HoldState> hold;
    Facts facts;
    std::optional<Amount> moved;  ///< taken, when not all of a credit's amount
};

struct TransitOpened {
    LedgerId ledger;
    ShardId from;
    ShardId to;
    Asset asset;
    Change change;  ///< the first of the transit account: version 1, nothing on it, unlimited
    std::uint32_t successor = 0;
};

struct StepsTaken {
    ShardId from;
    StepBatchNumber number;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    RecordNumber record;
    std::span<const std::byte> record_digest;  ///< 32 bytes
    std::span<const std::byte> digest;      ///< 32 bytes
    std::uint32_t left = 0;  ///< steps of the batch that the next record goes on with
    bool rebuilt = false;    ///< from the sender's sealed record
};

struct StepsSent {
    ShardId to;
    StepBatchNumber number;
    std::uint32_t count = 0;
    std::span<const std::byte> digest;  ///< 32 bytes
};

struct StepRefused {
    Offset offset;
    std::uint64_t length = 0;
    std::span<const std::byte> digest;  ///< 32 bytes, SHA-256
};

struct CommandForwarded {
    Command command;
    ShardId to;
};

struct ForwardRepeated {
    Command command;
    EventNumber first_event;
};

/// The shard is complete to the record that this stands alone in.
struct Mark {};

enum class InputKind : std::uint8_t { commands = 1, steps = 2 };

struct InputMoved {
    InputKind input = InputKind::commands;
    Offset from;
    Offset to;
    std::string_view reason;  ///< 1 to kLongTextMax
    std::string_view asked_by;      ///< the operator, 1 to kShortTextMax; below too
};

struct ClockAccepted {
    Timestamp accepted;
    Timestamp last;  ///< of the record before
    std::string_view asked_by;
};

struct TailLost {
    RecordNumber record;  ///< the first that was lost: the number of this event's own record
    std::optional<RecordNumber> known_record{};  ///< the last of them that a witness names
    std::span<const std::byte> known_digest;     ///< its digest, 32 bytes; empty: not known
    std::string_view asked_by;
};

/// The level of the formats that a shard's writers use: at first, and the newest that this program
/// knows.
inline constexpr std::uint32_t kFormatLevelFirst = 1;
inline constexpr std::uint32_t kFormatLevel = 1;

struct FormatRaised {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    std::string_view asked_by;
};

using Event =
    std::variant<CommandDecided, ConflictSeen, Unreadable, TermStarted, EpochSealed, HoldExpired,
                 CommandInTransit, CommandAnswered, StepFollowed, TransitOpened, StepsTaken,
                 StepsSent, StepRefused, CommandForwarded, ForwardRepeated, Mark, InputMoved,
                 ClockAccepted, TailLost, FormatRaised>;

/// The fields of Event that its kinds share, as bits of their numbers: schemas/event.proto.
namespace event_parts {
inline constexpr std::uint64_t kCommand = 1U << 1U;
inline constexpr std::uint64_t kOutcome = 1U << 2U;
inline constexpr std::uint64_t kChanges = 1U << 3U;
inline constexpr std::uint64_t kHold = 1U << 4U;
inline constexpr std::uint64_t kEntry = 1U << 5U;
inline constexpr std::uint64_t kFacts = 1U << 6U;
inline constexpr std::uint64_t kMoved = 1U << 9U | 1U << 10U;
}  // namespace event_parts

/// What is the same of all events of a kind, told once.
struct EventKind {
    std::size_t index = 0;        ///< in Event
    std::uint32_t field = 0;      ///< in Event of schemas/event.proto, whose name is `word`
    std::string_view word = {};
    std::uint64_t required = 0;   ///< parts beside that field
    std::uint64_t optional = 0;   ///< likewise
    bool is_act = false;          ///< what an operator asked for
};

template <class E>
constexpr EventKind event_kind(std::uint32_t field, std::string_view word,
                               std::uint64_t required = 0, std::uint64_t optional = 0) {
    return {kAlternative<E, Event>, field, word, required, optional};
}
template <class E>
constexpr EventKind act(std::uint32_t field, std::string_view word) {
    return {kAlternative<E, Event>, field, word, 0, 0, true};
}

/// In the order of Event. What became of a command at once has no field of its own.
inline constexpr std::array kEventKinds = [] {
    using namespace event_parts;
    return std::array{
        event_kind<CommandDecided>(0, ""),
        event_kind<ConflictSeen>(16, "conflict_seen", kCommand),
        event_kind<Unreadable>(17, "unreadable"),
        event_kind<TermStarted>(18, "term_started"),
        event_kind<EpochSealed>(19, "epoch_sealed"),
        event_kind<HoldExpired>(20, "hold_expired", kHold, kChanges),
        event_kind<CommandInTransit>(21, "in_transit", kCommand,
                                     kChanges | kHold | kEntry | kMoved),
        event_kind<CommandAnswered>(12, "answered", kOutcome,
                                    kChanges | kHold | kEntry | kFacts | kMoved),
        event_kind<StepFollowed>(22, "step_followed", kOutcome, kChanges | kHold | kFacts | kMoved),
        event_kind<TransitOpened>(23, "transit_opened", kChanges),
        event_kind<StepsTaken>(24, "steps_taken"),
        event_kind<StepsSent>(25, "steps_sent"),
        event_kind<StepRefused>(26, "step_refused"),
        event_kind<CommandForwarded>(27, "command_forwarded", kCommand),
        event_kind<ForwardRepeated>(28, "forward_repeated", kCommand),
        event_kind<Mark>(29, "mark"),
        act<InputMoved>(30, "input_moved"),
        act<ClockAccepted>(31, "clock_accepted"),
        act<TailLost>(32, "tail_lost"),
        act<FormatRaised>(33, "format_raised"),
    };
}();
static_assert(has_each_alternative<Event>(kEventKinds));

template <class E>
inline constexpr const EventKind& kEventKind = kEventKinds[kAlternative<E, Event>];

inline const EventKind& kind_of(const Event& event) { return kEventKinds[event.index()]; }

/// True of the kinds that change accounts.
template <class E>
concept ChangesAccounts = requires(const E& e) { e.changes; } || requires(const E& e) { e.change; };

/// The changes of accounts that an event says, none of most kinds.
inline std::span<const Change> changes_of(const Event& event) {
    return std::visit(
        [](const auto& e) -> std::span<const Change> {
            if constexpr (requires { e.changes; }) {
                return e.changes;
            } else if constexpr (requires { e.change; }) {
                return {&e.change, 1};
            } else {
                return {};
            }
        },
        event);
}

}  // namespace vouch
