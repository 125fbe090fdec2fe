#pragma once

#include "events/entries/event.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/seal/mac.h"
#include "events/seal/step_batch.h"

#include <cstdint>
#include <string>
#include <vector>

namespace vouch::command_handler {

/// How far a shard has sent steps to another one and taken that one's.
struct StepPeer {
    StepBatchNumber next_sent;
    Digest last_sent{};  ///< digest of the batch before; zero before the first

    StepBatchNumber next_taken;     ///< the batch that comes next, or goes on
    std::uint32_t steps_taken = 0;  ///< of that batch, when it spans records
    Digest last_taken{};            ///< of the batch that was begun last; zero before the first

    friend bool operator==(const StepPeer&, const StepPeer&) = default;
};

/// A peer as it was before a record changed it.
struct StepPeerBefore {
    ShardId shard;
    StepPeer peer;
};

/// What a batch of steps is to a shard that has taken its sender's earlier ones.
struct StepBatchPlace {
    enum class Kind {
        next,     ///< to be taken, from step `first` on
        known,    ///< taken already: to be ignored
        missing,  ///< batches before it are missing
        forked    ///< its number is known, or its predecessor's, with another digest
    } kind = Kind::next;
    std::uint32_t first = 0;
};

/// What a batch's number is held against.
Digest digest_of(const StepBatchView& batch);

/// The other shards of a deployment as one shard knows them: derived from its own events alone
/// (StepsSent, StepsTaken), rolled back with them. One thread.
class StepPeers {
public:
    explicit StepPeers(std::uint32_t shard_count) : peers_(shard_count) {}

    const StepPeer& of(ShardId shard) const { return peers_[shard.value()]; }
    std::uint32_t shard_count() const { return static_cast<std::uint32_t>(peers_.size()); }

    /// Where an authentic batch of `header.from` stands. `digest` is its own.
    StepBatchPlace place(const StepBatchHeader& header, const Digest& digest) const;

    /// Takes over what an event says; pre-images go to `before`. False when it does not follow from
    /// the events before it.
    bool apply(const StepsSent& event, std::vector<StepPeerBefore>& before);
    bool apply(const StepsTaken& event, std::vector<StepPeerBefore>& before);
    /// Takes the changes of one record back, newest record first.
    void undo(std::vector<StepPeerBefore>& before);

    /// As a snapshot has it.
    void load(ShardId shard, const StepPeer& peer) { peers_[shard.value()] = peer; }

private:
    std::vector<StepPeer> peers_;
};

}  // namespace vouch::command_handler
