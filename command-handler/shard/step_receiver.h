#pragma once

#include "command-handler/shard/answer_writer.h"
#include "command-handler/shard/record_writer.h"
#include "command-handler/shard/shard_books.h"
#include "command-handler/shard/shard_environment.h"
#include "events/entries/arena.h"
#include "events/entries/step.h"
#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/mac.h"
#include "events/seal/step_batch.h"

#include <cstdint>
#include <string>
#include <vector>

namespace vouch::command_handler {

/// Takes batches of steps, or records that one is no shard's. The shard's thread.
class StepReceiver {
public:
    /// All of them outlive it.
    StepReceiver(const ShardEnvironment& with, ShardBooks& books, RecordWriter& writer,
                 AnswerWriter& answers)
        : with_(with), books_(books), writer_(writer), answers_(answers) {}

    /// Executes a batch from step `first` on. It is its sender's, and the next one that its peer is
    /// to take. `rebuilt`: from its sender's records.
    Status take(const StepBatchView& batch, const Digest& digest, std::uint32_t first,
                bool rebuilt);
    Status refuse(const StepInput& input);

    /// The shard cannot go on behind this batch.
    Fault corrupt(const StepBatchHeader& header, const std::string& what) const;

private:
    Status read_list(const StepBatchView& batch);
    std::uint32_t count_fitting(std::uint32_t first);
    Status execute(const StepBatchHeader& header, std::uint32_t first, std::uint32_t count);

    const ShardEnvironment& with_;
    ShardBooks& books_;
    RecordWriter& writer_;
    AnswerWriter& answers_;
    std::vector<Step> steps_;  // of the batch being taken
    Arena arena_;
    std::uint64_t refused_ = 0;
};

}  // namespace vouch::command_handler
