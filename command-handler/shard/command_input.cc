#include "command-handler/shard/command_input.h"

namespace vouch::command_handler {

Status CommandInput::read(std::size_t batches_max) {
    read_.clear();
    at_ = 0;
    if (Status status = log_.read_commands(shard_, next_read_, batches_max, read_); !status)
        return status;
    next_read_ = read_.empty() ? log_.next_command(shard_, next_read_) : read_.back().next();
    return {};
}

}  // namespace vouch::command_handler
