#pragma once

#include "command-handler/core/shard_state.h"
#include "events/entries/arena.h"
#include "events/log/log.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "events/seal/record_verifier.h"
#include "events/seal/step_batch.h"

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace vouch::command_handler {

/// Another shard's records, read from the first one on, to build batches of steps again that are
/// missing or not what their sender sent to one shard: the records are sealed, and steps follow
/// from them. What is built is held against the digest that the sender's record has of it. One
/// thread.
///
/// Reading takes as long as a start without a snapshot, and as much memory as that shard; so this
/// is made when a batch is needed and kept only while more of them are.
class SenderReplay {
public:
    /// Who paid an entry that the receiver led: it alone pays back.
    using PayerOf = std::function<Result<AccountId>(LedgerId ledger, CommandId entry)>;

    /// All of them outlive it.
    SenderReplay(LogReader& log, const Deployment& deployment, const EpochKeys& keys,
                 ShardId sender, ShardId to, PayerOf payer_of);

    /// Batch `number`, sealed as its sender sealed it; empty as long as there is more to read
    /// before it, of which each call reads kBytesACall. `corrupt` when the sender's records do not
    /// have it or it cannot be built from them.
    Result<std::optional<Bytes>> read_on(StepBatchNumber number);

    ShardId sender() const { return sender_; }
    /// The next batch that was not passed yet.
    StepBatchNumber next() const { return built_.empty() ? sent_[to_.value()].next : first_built_; }

    /// Of records, and what the last of them has beyond that: some milliseconds.
    static constexpr std::size_t kBytesACall = std::size_t{1} << 20;

private:
    /// What the sender sent to one shard so far.
    struct Built {
        Bytes bytes;
        Bytes without_text;  ///< events/entries/step.h
    };
    struct Sent {
        StepBatchNumber next;
        Digest last{};                  ///< of the batch before
        std::vector<Built> steps;       ///< of the record being read; empty ones if none is wanted
        std::size_t announced = 0;      ///< of `steps`
    };

    Status read_record(const StoredRecord& stored);
    Status read_event(const Event& event, EventNumber number, const RecordView& record);
    Status announce(const StepsSent& sent, const RecordView& record);
    Result<bool> sends_wanted(const RecordView& record);
    void send(ShardId to, const Step& step);

    Status send_from(const CommandInTransit& event);
    Status send_from(const CommandForwarded& event);
    Status send_from(const HoldExpired& event);
    Status send_from(const StepFollowed& event);

    /// What is the same of all commands that leave.
    struct Leaving {
        LedgerId ledger;
        Asset asset;
        Amount amount;
        const Change& change;  ///< the first
    };
    Result<StepKind> departing(const CommandInTransit& event);
    Result<StepKind> departing(const Transfer& transfer, const Leaving& leaving);
    Result<StepKind> departing(const PlaceHold& place, const Leaving& leaving);
    Result<StepKind> departing(const CaptureHold& capture, const Leaving& leaving);
    Result<StepKind> departing(const ReleaseHold& release, const Leaving& leaving);
    template <class Undoing>
    Result<StepKind> departing(const Undoing& undoing, const Leaving& leaving);
    Asset asset_of(AccountNumber account) const;
    Amount remaining_of(LedgerId ledger, CommandId hold) const;

    LogReader& log_;
    const Deployment& deployment_;
    const EpochKeys& keys_;
    const ShardId sender_;
    const ShardId to_;
    const PayerOf payer_of_;
    RecordVerifier verifier_;
    ShardState state_;
    RecordNumber next_record_;
    Digest last_digest_{};  ///< of the record before
    std::vector<StoredRecord> read_;  ///< from the log, at most kBytesACall and a record
    std::size_t next_read_ = 0;       ///< of them
    StepBatchNumber wanted_;
    bool is_wanted_ = false;  ///< the record being read sends that batch or a later one
    std::optional<ShardId> taking_from_;  ///< whose steps the record being read takes
    std::vector<Sent> sent_;              ///< by receiving shard
    std::deque<Bytes> built_;             ///< of the record last read, from the wanted one on
    StepBatchNumber first_built_;
    Arena arena_;
};

}  // namespace vouch::command_handler
