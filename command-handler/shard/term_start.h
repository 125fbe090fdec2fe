#pragma once

#include "command-handler/shard/record_clock.h"
#include "command-handler/shard/record_writer.h"
#include "command-handler/shard/shard_books.h"
#include "command-handler/shard/shard_environment.h"
#include "events/result.h"

namespace vouch::command_handler {

/// Takes a shard over whose books stand at the log's end: its inputs go on where they must, its
/// clock is believed, and the first record of the term is durable. One thread.
class TermStart {
public:
    /// All of them outlive it.
    TermStart(const ShardEnvironment& with, ShardBooks& books, RecordClock& clock,
              RecordWriter& writer)
        : with_(with), books_(books), clock_(clock), writer_(writer) {}

    Status run();

private:
    Status acquire();
    Status find_inputs();
    Status begin_term();
    Timestamp time_of_term();
    Status append_losses();
    void append_moves();
    Status commit();

    const ShardEnvironment& with_;
    ShardBooks& books_;
    RecordClock& clock_;
    RecordWriter& writer_;
};

}  // namespace vouch::command_handler
