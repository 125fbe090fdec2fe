#pragma once

#include "command-handler/core/shard_state.h"
#include "events/entries/arena.h"
#include "events/log/log.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "events/seal/record_verifier.h"
#include "events/seal/step_batch.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace vouch::command_handler {

/// Another shard's records, read from the first one on, to build a batch of steps again that is
/// missing or not what its sender sent: the records are sealed, and steps follow from them. What is
/// built is held against the digest that the sender's record has of it. One thread.
///
/// Reading takes as long as a start without a snapshot, and as much memory as that shard; so this
/// is made when a batch is needed and kept only while more of them are.
class SenderReplay {
public:
    /// All of them outlive it.
    SenderReplay(LogReader& log, const Deployment& deployment, const EpochKeys& keys,
                 ShardId sender);

    /// Batch `number` of those for `to`, sealed as its sender sealed it. `corrupt` when the sender's
    /// records do not have it or it cannot be built from them.
    Result<Bytes> batch(ShardId to, StepBatchNumber number);

    /// The next batch for `to` that was not passed yet.
    StepBatchNumber next(ShardId to) const { return sent_[to.value()].next; }

private:
    /// What the sender sent to one shard so far.
    struct Sent {
        StepBatchNumber next;
        Digest last{};                  ///< of the batch before
        std::vector<Bytes> steps;       ///< of the record being read; empty ones if none is wanted
        std::size_t announced = 0;      ///< of `steps`
    };

    Status read_record(const StoredRecord& stored, ShardId to, StepBatchNumber wanted);
    Status read_event(const Event& event, EventNumber number, const RecordView& record, ShardId to,
                      StepBatchNumber wanted);
    Status announce(const StepsSent& sent, const RecordView& record, ShardId to,
                    StepBatchNumber wanted);
    Result<bool> has_batch(const RecordView& record, ShardId to, StepBatchNumber wanted);
    void send(ShardId to, const Step& step);

    Result<StepKind> departing(const CommandInTransit& event);
    Result<AccountId> payer_of_entry(LedgerId ledger, CommandId entry, ShardId leader,
                                     RecordNumber before);
    Asset asset_of(AccountNumber account) const;
    Amount remaining_of(LedgerId ledger, CommandId hold) const;

    LogReader& log_;
    const Deployment& deployment_;
    const EpochKeys& keys_;
    const ShardId sender_;
    RecordVerifier verifier_;
    ShardState state_;
    RecordNumber next_record_;
    Digest last_digest_{};  ///< of the record before
    bool is_wanted_ = false;  ///< the record being read sends the batch that is wanted
    std::optional<ShardId> taking_from_;  ///< whose steps the record being read takes
    std::vector<Sent> sent_;              ///< by receiving shard
    std::optional<Bytes> built_;          ///< the batch that was wanted
    Arena arena_;
};

}  // namespace vouch::command_handler
