#pragma once

#include "command-handler/intake/malformed.h"
#include "command-handler/intake/routing.h"
#include "command-handler/shard/answer.h"
#include "command-handler/shard/stopped_shard.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vouch::command_handler {

/// Outcome lines as docs/cli.md shows them: JSON objects of one line, without line end.

/// The account that the facts of a refusal are about; zero when they are about none.
AccountId refused_account(const Answer& answer);

/// `id` and `members` as the line wrote them; `members` of a group only; `account` is how the
/// refused account is shown. A refusal tells it, and the one fact that the caller needs to go on
/// (`vouch outcome` tells all that is recorded).
std::string outcome_line(const Answer& answer, ShardId shard, std::string_view id,
                         std::span<const std::string> members, std::string_view account = {});

struct SeenPlace {
    ShardId shard;
    RecordNumber record;
    EventNumber event;
};
/// Why a gateway refuses a command that no shard is to decide.
struct UnrecordedRefusal {
    Outcome outcome = Outcome::conflict;
    std::optional<SeenPlace> first;  ///< of a conflict: where the id is; empty: not decided yet
    std::optional<std::size_t> member;  ///< of a group: the one that is refused; empty: itself
    std::optional<LackedPosting> lacked;  ///< of a refund: what it has to name
};
/// Nothing reached the log, and the id stays free.
std::string outcome_line(const UnrecordedRefusal& refusal, std::string_view id,
                         std::span<const std::string> members);

/// What is known of a command that has no outcome because a shard has stopped that it needs, or is
/// waited for by too many.
struct CutOffCommand {
    StoppedShard by;
    bool is_unrecorded = false;  ///< otherwise it may be recorded, or is to be
    std::optional<SeenPlace> transit{};  ///< where it is recorded as waiting for that shard
    bool is_busy = false;  ///< the shard goes on, and too many wait for it

    /// For people, with what to do.
    std::string detail() const;
};
/// What the problems of this kind are called.
inline constexpr std::string_view kShardStopped = "shard-stopped";
inline constexpr std::string_view kBusy = "busy";
std::string outcome_line(const CutOffCommand& cut, std::string_view id);

/// Of a line that is no valid command; `line` counts from 1. Nothing reached the log.
std::string outcome_line(const Malformed& malformed, std::uint64_t line);

}  // namespace vouch::command_handler
