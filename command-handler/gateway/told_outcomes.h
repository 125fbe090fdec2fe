#pragma once

#include "command-handler/gateway/ordered_outcomes.h"
#include "command-handler/gateway/outcome_line.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vouch::command_handler {

struct SubmitCounts {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::uint64_t malformed = 0;  ///< too large ones with them
    std::uint64_t cut_off = 0;    ///< without outcome: a shard that they need has stopped
    std::uint64_t total() const { return accepted + refused + malformed + cut_off; }
};

/// What became of a stream's lines: an outcome line each, in the order of the input, and how many
/// there were of each kind. `position` as OrderedOutcomes gives it; `id` and `members` as the line
/// wrote them. One thread.
struct ToldOutcomes {
    void tell_answer(std::uint64_t position, const Answer& answer, ShardId shard,
                     std::string_view id, std::span<const std::string> members,
                     std::string_view account);
    void tell_refusal(std::uint64_t position, const UnrecordedRefusal& refusal,
                      std::string_view id, std::span<const std::string> members);
    /// `line` counts from 1.
    void tell_malformed(std::uint64_t position, const Malformed& malformed, std::uint64_t line);
    void tell_cut_off(std::uint64_t position, CutOffCommand cut, std::string_view id);
    /// A line that asks for nothing.
    void tell_nothing(std::uint64_t position) { lines.settle(position, ""); }

    OrderedOutcomes lines;
    SubmitCounts counts;
    std::optional<Malformed> malformed;    ///< the newest line that is; empty when none is
    std::optional<CutOffCommand> cut_off;  ///< what became of the newest that was; empty: none was
};

}  // namespace vouch::command_handler
