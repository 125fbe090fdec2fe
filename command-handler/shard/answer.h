#pragma once

#include "events/entries/event.h"
#include "events/money/amount.h"
#include "events/money/asset.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/money/outcome.h"

#include <optional>
#include <string_view>
#include <vector>

namespace vouch::command_handler {

/// Where a command is recorded that had its id first.
struct FirstSeen {
    RecordNumber record;
    EventNumber event;
};

/// What some answers tell beyond their outcome.
struct AnswerDetails {
    Facts facts;
    std::optional<Asset> asset;          ///< of facts and `moved`
    std::optional<Amount> moved;         ///< when the command did not say it exactly
    std::vector<MemberOutcome> members;  ///< of a group
    /// Of a group that failed: the members that had an outcome before it, which stands.
    std::vector<std::size_t> seen_before{};
    /// Of a group in which no member has a refusal of its own: the one that had failed with another
    /// group before.
    std::optional<std::size_t> failed_before{};
    std::optional<FirstSeen> first{};    ///< of a conflict
    std::string_view field;              ///< of an unreadable member; static storage
};

/// What a caller is told about one command, once it is durable.
struct Answer {
    CommandId id;         ///< zero when the member was unreadable
    RecordNumber record;  ///< where the outcome is recorded: of a repeat, the first time's
    EventNumber event;
    Outcome outcome = Outcome::malformed;
    bool repeated = false;
    /// Not an outcome yet: the command waits for another shard. That much is durable (`record` and
    /// `event` name it, `outcome` says nothing); a second answer to the same member gives the
    /// outcome.
    bool in_transit = false;
    /// Of a command in transit: the shard whose answer it waits for.
    std::optional<ShardId> waits_for{};
    /// Of a repeat in transit: no second answer follows, since too many wait. Sent again it is
    /// told.
    bool is_last = false;
    /// Of an outcome between two shards: the other shard's record that changed what is there.
    std::optional<AnsweredBy> answered{};
    const AnswerDetails* details = nullptr;  ///< null: nothing more to tell; valid during the call
};

}  // namespace vouch::command_handler
