#pragma once

#include "command-handler/intake/malformed.h"
#include "command-handler/shard/handler.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vouch::cli {

/// Outcome lines as design section 13 gives them: JSON objects of one line, without line end.

/// `id` and `members` as the line wrote them; `members` of a group only. A refusal tells the one
/// fact that the caller needs to go on (`vouch outcome` tells all that is recorded).
std::string outcome_line(const command_handler::Answer& answer, ShardId shard, std::string_view id,
                         std::span<const std::string> members);

/// Of a line that is no valid command; `line` counts from 1. Nothing reached the log.
std::string outcome_line(const command_handler::Malformed& malformed, std::uint64_t line);

}  // namespace vouch::cli
