#include "command-handler/shard/shard_environment.h"

namespace vouch::command_handler {

std::filesystem::path ShardEnvironment::directory() const {
    return options.directory / std::to_string(shard.value());
}

Fault ShardEnvironment::corrupt(RecordNumber record, const std::string& what) const {
    return {FaultCode::corrupt, "shard " + std::to_string(shard.value()) + " record " +
                                    std::to_string(record.value()) + ": " + what};
}

}  // namespace vouch::command_handler
