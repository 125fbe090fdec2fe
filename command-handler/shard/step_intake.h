#pragma once

#include "command-handler/shard/record_writer.h"
#include "command-handler/shard/shard_books.h"
#include "command-handler/shard/shard_environment.h"
#include "command-handler/shard/step_macs.h"
#include "command-handler/shard/step_receiver.h"
#include "command-handler/shard/step_senders.h"
#include "events/log/log.h"
#include "events/money/number.h"
#include "events/result.h"
#include "events/seal/mac.h"
#include "events/seal/step_batch.h"

#include <cstddef>
#include <vector>

namespace vouch::command_handler {

/// A shard's input of steps: which batches are another shard's, in order and of records that are
/// durable. Those are taken once each; what cannot be taken yet is left unconsumed. The shard's
/// thread.
class StepIntake {
public:
    /// All of them outlive it.
    StepIntake(const ShardEnvironment& with, const ShardBooks& books, StepSenders& senders,
               StepReceiver& receiver, RecordWriter& writer)
        : with_(with),
          books_(books),
          senders_(senders),
          receiver_(receiver),
          writer_(writer),
          macs_(with.keys, with.deployment.shards) {}

    /// Batches of one round, at most `batches_max`.
    Status read(std::size_t batches_max);
    bool has_read() const { return !read_.empty(); }
    /// Something that waited for its sender's record can be taken now, or can not.
    bool has_awaited() const { return has_awaited_; }
    /// Takes what was read, and what can be of what waited.
    Status take();

private:
    bool knows_awaited();
    Status take_input(const StepInput& input);
    Status take_awaiting(StepSender& sender, RecordNumber end);
    Status take_next(const StepInput& input, const StepBatchView& batch, RecordNumber end);
    Status take_batch(const StepInput& input, const StepBatchView& batch, const Digest& digest);
    bool is_authentic(const StepBatchView& batch);
    Result<bool> is_in_chain(const StepBatchHeader& header);
    Status await_record(const StepInput& input, const StepBatchHeader& header);

    const ShardEnvironment& with_;
    const ShardBooks& books_;
    StepSenders& senders_;
    StepReceiver& receiver_;
    RecordWriter& writer_;
    StepMacs macs_;
    std::vector<StepInput> read_;
    bool has_awaited_ = false;  // as of this round
    Offset next_foreign_;       // as StepSender::next, of what no shard has sealed
};

}  // namespace vouch::command_handler
