#pragma once

#include "command-handler/shard/record_writer.h"
#include "command-handler/shard/sender_replay.h"
#include "command-handler/shard/shard_books.h"
#include "command-handler/shard/shard_environment.h"
#include "command-handler/shard/step_receiver.h"
#include "command-handler/shard/step_senders.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/result.h"
#include "events/seal/step_batch.h"
#include "events/world/clock.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::command_handler {

/// Batches of steps that do not come as they were sent, built again from their sender's sealed
/// records, from which they follow, and taken as if they had come. The shard's thread.
class StepRebuild {
public:
    /// All of them outlive it.
    StepRebuild(const ShardEnvironment& with, ShardBooks& books, StepSenders& senders,
                StepReceiver& receiver, RecordWriter& writer);

    /// Whose batches are being built again; empty when nobody's.
    std::optional<ShardId> sender();
    /// A part of it in each round: the shard goes on meanwhile.
    Status go_on();

    /// Once all that came is taken: what another shard of this process has sent and does not come
    /// is built again after a while, all that is sent by then.
    void look_for_late();
    /// Something has not come, and may only be late.
    bool is_waiting() const;

private:
    Status take_built(const Bytes& built);
    /// What was taken or refused before this batch stands.
    Status stop_before(const StepBatchHeader& header, const std::string& what);
    Result<AccountId> payer_of(LedgerId ledger, CommandId entry);

    struct Late {
        StepBatchNumber next;
        std::optional<SteadyTime> since{};
    };

    const ShardEnvironment& with_;
    ShardBooks& books_;
    StepSenders& senders_;
    StepReceiver& receiver_;
    RecordWriter& writer_;
    std::unique_ptr<SenderReplay> replay_;  // of one sender; kept while more may be needed of it
    std::vector<Late> late_;                // by sending shard
};

}  // namespace vouch::command_handler
