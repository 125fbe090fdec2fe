#pragma once

#include "events/entries/event.h"
#include "events/entries/step.h"

#include <cstdint>
#include <optional>

namespace vouch::command_handler {

/// A command that was decided before, as its event tells.
struct PastCommand {
    /// The event that holds the outcome: the command's own, or that of the group it was a member
    /// of.
    CommandDecided event;
    RecordNumber record;
    EventNumber number;
    /// Position among the members when the event is that of a failed group; else empty.
    std::optional<std::size_t> member;
    /// True when it waits for another shard: `event` then has the command, changes, hold, entry and
    /// `moved` of its CommandInTransit, and no outcome.
    bool in_transit = false;
    /// The answer of another shard that it waited for: `event` then has its command, and all else
    /// is of its CommandAnswered.
    std::optional<AnsweredBy> answered{};

    /// The command as it was asked.
    const Command& command() const {
        return member ? std::get<Group>(event.command.body).members[*member] : event.command;
    }
    Outcome outcome() const { return member ? event.members[*member].outcome : event.outcome; }
};

/// An entry that can be undone on this shard. Two shards may have taken one id: what is undone of
/// the one entry says nothing about the other.
struct EntryKey {
    LedgerId ledger;
    CommandId id;
    /// The shard that led an entry which was followed here; empty: this one.
    std::optional<ShardId> leader{};
};

/// What decide needs to know of the past and does not keep in memory: derived from events alone,
/// those of the record being built included. Answers stay valid until `forget_answers`.
class FactSource {
public:
    virtual ~FactSource() = default;

    /// Whether something could not be read. "None" says nothing then, and nothing that is decided
    /// counts.
    virtual bool has_failed() const { return false; }

    /// Called before each command, a group's members too: a short one may look at long entries.
    virtual void forget_answers() = 0;

    /// The command that had this id first in the ledger.
    virtual std::optional<PastCommand> find_command(LedgerId ledger, CommandId id) = 0;
    /// The last state of a hold that is no longer open.
    virtual std::optional<HoldState> find_closed_hold(LedgerId ledger, CommandId hold) = 0;
    /// The newest event's word on an entry: whether it is reversed, and the refunded sums that this
    /// event changed. Empty when it never was reversed or refunded.
    virtual std::optional<EntryState> find_entry_state(const EntryKey& entry) = 0;
    /// How much of one of the entry's postings is refunded.
    virtual Amount find_refunded(const EntryKey& entry, std::uint32_t posting) = 0;
    /// What a followed credit (that makes an entry) or capture with this leading command posted
    /// here: the newest, when more than one shard led one.
    virtual std::optional<StepFollowed> find_followed_entry(LedgerId ledger, CommandId entry) = 0;
};

/// Where events go, in order. A group may take its members' events back.
class EventSink {
public:
    virtual ~EventSink() = default;

    virtual void append(const CommandDecided& event) = 0;
    virtual void append(const HoldExpired& event) = 0;
    virtual void append(const ConflictSeen& event) = 0;
    virtual void append(const CommandInTransit& event) = 0;
    virtual void append(const CommandAnswered& event) = 0;
    virtual void append(const StepFollowed& event) = 0;
    virtual void append(const TransitOpened& event) = 0;
    virtual void append(const ForwardRepeated& event) = 0;
    virtual void append(const CommandForwarded& event) = 0;
    /// A step that follows from the event just appended; it goes out with the record. Never taken
    /// back by `undo_to`: nothing in a group sends steps.
    virtual void send(ShardId to, const Step& step) = 0;

    /// A point to come back to, within the record being built.
    virtual std::uint64_t position() const = 0;
    virtual void undo_to(std::uint64_t position) = 0;
    /// False when the record is nearly full: what can wait goes into the next one.
    virtual bool has_room() const = 0;
    /// The number that the next event will have, and its record's.
    virtual EventNumber next_event() const = 0;
    virtual RecordNumber record() const = 0;
};

}  // namespace vouch::command_handler
