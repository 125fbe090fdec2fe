#pragma once

#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/log/log.h"
#include "events/result.h"
#include "projector/queries/recorded_at.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

namespace vouch::projector {

class ShardReader;

/// One event with the bytes that it borrows from.
class FoundEvent {
public:
    RecordedAt recorded;
    const Event& event() const { return event_; }
    /// Of the command that the event decided or sent on its way, a group for its members; null for
    /// another event.
    const Command* command() const;
    /// The member's own, when the event is that of its group; else the same. Null likewise.
    const Command* own_command() const;
    /// Those in front of it in the group of which it is one.
    std::span<const Command> members_before() const;
    /// Of a command that crossed: what it led to first. Null for others.
    const CommandInTransit* sent() const;
    /// The member of that id, when the event is that of a failed group; else empty.
    std::optional<std::size_t> member;

private:
    friend Result<std::unique_ptr<FoundEvent>> find_event_on(ShardReader& shard, LedgerId ledger,
                                                             CommandId id);
    Bytes bytes_;
    Bytes first_bytes_;
    Arena arena_;
    Event event_;
    std::optional<Event> first_;  ///< that an outcome of a crossing cites
};

/// The event that a command led to first on a shard; null when the shard does not know the id.
Result<std::unique_ptr<FoundEvent>> find_event_on(ShardReader& shard, LedgerId ledger,
                                                  CommandId id);

}  // namespace vouch::projector
