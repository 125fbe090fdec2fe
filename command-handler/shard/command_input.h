#pragma once

#include "events/log/log.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/result.h"

#include <cstddef>
#include <vector>

namespace vouch::command_handler {

/// A shard's input of commands, batch by batch. The log hands one out once, so one that has to wait
/// for its turn is kept here. The shard's thread.
class CommandInput {
public:
    /// `log` outlives it.
    CommandInput(Log& log, ShardId shard) : log_(log), shard_(shard) {}

    void read_from(Offset next) { next_read_ = next; }
    /// What was read before is worked off. Reads at most `batches_max`, or passes over what is
    /// known to be none.
    Status read(std::size_t batches_max);
    /// Where it is read on.
    Offset next_read() const { return next_read_; }

    bool is_empty() const { return at_ == read_.size(); }
    const InputBatch& front() const { return read_[at_]; }
    void pop() { ++at_; }

private:
    Log& log_;
    const ShardId shard_;
    Offset next_read_;
    std::vector<InputBatch> read_;
    std::size_t at_ = 0;  // in `read_`
};

}  // namespace vouch::command_handler
