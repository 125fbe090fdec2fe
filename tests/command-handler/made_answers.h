#pragma once

#include "command-handler/shard/answer.h"

#include <cstdint>

namespace vouch::command_handler {

/// As a shard tells it of the command 1:`number`.
inline Answer answer_of(std::uint64_t number, Outcome outcome) {
    Answer answer;
    answer.id = CommandId(1, number);
    answer.outcome = outcome;
    return answer;
}
inline Answer transit_of(std::uint64_t number) {
    Answer answer = answer_of(number, Outcome::malformed);
    answer.in_transit = true;
    return answer;
}

}  // namespace vouch::command_handler
