#pragma once

#include "events/entries/command.h"
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

    friend bool operator==(const HoldState&, const HoldState&) = default;
};

struct Refunded {
    std::uint32_t posting = 0;
    Amount amount;
    friend bool operator==(const Refunded&, const Refunded&) = default;
};

/// An entry that was reversed or refunded, as it is after the event.
struct EntryState {
    CommandId id;
    bool reversed = false;
    std::span<const Refunded> refunded;  ///< by ascending posting, none of them zero
};

/// An amount that may be without bound.
struct AmountFact {
    bool unlimited = false;
    Amount amount;
    friend bool operator==(const AmountFact&, const AmountFact&) = default;
};

/// What a refused caller needs to know of the account, hold or entry that the refusal is about.
struct Facts {
    AccountId account;  ///< zero: the refusal is about none
    std::optional<AmountFact> available;
    std::optional<AmountFact> limit;
    std::optional<AmountFact> held;
    std::optional<AmountFact> remaining;
    std::optional<Version> version;

    bool is_empty() const {
        return account.is_zero() && !available && !limit && !held && !remaining && !version;
    }
    friend bool operator==(const Facts&, const Facts&) = default;
};

struct MemberOutcome {
    Outcome outcome = Outcome::done;
    bool repeated = false;
    friend bool operator==(const MemberOutcome&, const MemberOutcome&) = default;
};

/// What became of a command. Of a refusal: no changes, perhaps facts.
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

struct ConflictSeen {
    Command command;
    EventNumber first_event;
};

struct Unreadable {
    Offset offset;
    std::optional<std::uint32_t> member;  ///< empty: the batch itself cannot be parsed
    std::uint64_t length = 0;
    std::span<const std::byte> digest;  ///< 32 bytes, SHA-256
    Outcome outcome = Outcome::malformed;
    std::string_view field;
};

struct TermStarted {
    Term term;
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

using Event =
    std::variant<CommandDecided, ConflictSeen, Unreadable, TermStarted, EpochSealed, HoldExpired>;

}  // namespace vouch
