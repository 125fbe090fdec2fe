#pragma once

#include "events/entries/event.h"
#include "events/money/outcome.h"
#include "projector/queries/asked_command.h"
#include "projector/queries/recorded_at.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::projector {

/// A command's id as it is shown: the text that was sent, if any is known, else 32 hex digits.
std::string shown_id(CommandId id, std::string_view text);

/// A command of other content that was sent under an id later, refused as a conflict.
struct ConflictAnswer {
    RecordedAt recorded;
    AskedCommand asked;
};
/// How many of an id an answer tells: those that came first, of the lowest shard first.
inline constexpr std::size_t kConflictsToldMax = 20;
/// As many as have this together as they are recorded, and the first whatever it has: what they say
/// is some times as long.
inline constexpr std::size_t kConflictBytesToldMax = std::size_t{64} << 10;

/// What became of a command.
struct CommandOutcome {
    CommandId id;
    AskedCommand asked;
    /// Accepted so far: the outcome follows from another shard's answer. `outcome` says nothing.
    bool in_transit = false;
    Outcome outcome = Outcome::malformed;
    RecordedAt recorded;
    Facts facts;
    std::optional<Asset> asset;           ///< of the amounts in `facts` and of `moved`, where known
    std::string account;                  ///< as shown, of `facts`; empty when they are about none
    std::optional<Amount> moved;          ///< when the command did not say it exactly
    std::optional<CommandId> group;       ///< the group that it was a member of
    std::string group_text;                 ///< its id as it was sent
    std::vector<MemberOutcome> members;   ///< of a group, one for each of `asked`
    std::optional<std::size_t> failed;    ///< of a group: which of them it failed by
    std::vector<std::size_t> seen_before; ///< of a group that failed: those with an earlier outcome
    std::optional<ShardId> to;            ///< in transit: the shard that is to answer
    std::optional<AnsweredBy> answered;  ///< the answer that the outcome of a crossing follows from
    AsOf as_of;
    std::string id_text;             ///< as it was sent; empty where the event has no text
    std::vector<RecordedAt> others;  ///< where else the id is a command's: see Books
    std::vector<ConflictAnswer> conflicts;
    bool has_more_conflicts = false;
};

}  // namespace vouch::projector
