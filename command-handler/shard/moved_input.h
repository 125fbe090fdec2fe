#pragma once

#include "events/entries/event.h"
#include "events/log/log.h"
#include "events/money/ids.h"
#include "events/money/number.h"

#include <optional>
#include <span>
#include <string>

namespace vouch::command_handler {

/// A shard goes on reading one of its inputs elsewhere than its last record says, because an
/// operator said so: what lies between is lost, or is read again. Commands that are read again are
/// repeats, and steps that are lost are built again from their sender's records.
struct MovedInput {
    ShardId shard;
    InputKind input = InputKind::commands;
    Offset from;  ///< what the shard would read next
    Offset to;
    std::string reason;  ///< 1 to kLongTextMax bytes
};

InputKind input_of(const InputGap& gap);

/// "SHARD:commands:FROM:TO", or steps: as an operator says it.
std::string move_text(ShardId shard, const InputGap& gap);
/// Empty for anything else. Gives no reason.
std::optional<MovedInput> parse_move(std::string_view text);

/// Why a shard does not start, and what an operator can do about it.
std::string stop_text(ShardId shard, std::span<const InputGap> gaps);

/// Why a shard does not start whose last record has read less than is known to have been read with
/// a record: empty when it has not.
std::string missing_records_text(ShardId shard, InputPosition last, InputPosition consumed);

}  // namespace vouch::command_handler
