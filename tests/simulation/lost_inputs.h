#pragma once

#include "command-handler/shard/moved_input.h"
#include "tests/simulation/kafka_place.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace vouch::test {

/// Trims the shard's topics also of what nobody has consumed; how many messages that were.
std::int64_t lose_inputs(KafkaPlace& place, std::uint32_t shard);

/// What a shard asks for that does not find what it would read next: a person without another way
/// gives it up.
std::vector<command_handler::MovedInput> moves_asked_for(std::string_view failure);

}  // namespace vouch::test
