#include "command-handler/gateway/told_outcomes.h"

#include <utility>

namespace vouch::command_handler {

void ToldOutcomes::tell_answer(std::uint64_t position, const Answer& answer, ShardId shard,
                               std::string_view id, std::span<const std::string> members,
                               std::string_view account) {
    ++(is_accepted(answer.outcome) ? counts.accepted : counts.refused);
    lines.settle(position, outcome_line(answer, shard, id, members, account));
}

void ToldOutcomes::tell_refusal(std::uint64_t position, const UnrecordedRefusal& refusal,
                                std::string_view id, std::span<const std::string> members) {
    ++counts.refused;
    lines.settle(position, outcome_line(refusal, id, members));
}

void ToldOutcomes::tell_malformed(std::uint64_t position, const Malformed& fault,
                                  std::uint64_t line) {
    ++counts.malformed;
    malformed = fault;
    lines.settle(position, outcome_line(fault, line));
}

void ToldOutcomes::tell_cut_off(std::uint64_t position, CutOffCommand cut, std::string_view id) {
    ++counts.cut_off;
    lines.settle(position, outcome_line(cut, id));
    cut_off = std::move(cut);
}

}  // namespace vouch::command_handler
