#pragma once

#include "command-handler/shard/moved_input.h"
#include "events/seal/epoch_keys.h"
#include "tools/server/places/data_directory.h"
#include "tools/vouch/exit_code.h"

#include <string>
#include <vector>

namespace vouch::cli {

/// Books on Kafka: says which inputs do not go on where their shards stopped reading. With `moves`
/// for all of these, or for inputs that an operator wants read again, their shards go on from the
/// first message that is there, and record that. Nobody else writes meanwhile.
ExitCode recover_inputs(const places::DataDirectory& data, const EpochKeys& keys,
                        std::vector<command_handler::MovedInput> moves, const std::string& asked_by,
                        const std::string& accept_clock);

}  // namespace vouch::cli
