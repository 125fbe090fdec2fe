#include "command-handler/shard/stopped_shard.h"

namespace vouch::command_handler {

std::string HeldBack::text() const {
    return "shard " + std::to_string(by.value()) + " takes no steps of shard " +
           std::to_string(sender.value()) + " until the next start: " + fault.message;
}

}  // namespace vouch::command_handler
