#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/shard/chain_head.h"
#include "command-handler/shard/fact_map.h"
#include "command-handler/shard/record_answers.h"
#include "command-handler/shard/step_outbox.h"
#include "command-handler/shard/step_peers.h"
#include "events/entries/event.h"
#include "events/log/log.h"
#include "events/seal/record.h"

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace vouch::command_handler {

/// A batch of steps that a record sends: what its seal needs, before the record has its digest.
struct SentBatch {
    ShardId to;
    StepBatchNumber number;
    std::uint32_t count = 0;
    Digest previous_digest{};
    ByteView steps;  ///< in the outbox
};

/// A record from its first event until it is durable: its body as it grows, the facts and answers
/// that go with it, and where the chain stood before it. Kept and reused for its memory.
struct OpenRecord {
    /// Room beyond kRecordBodyMax for the events of one more command, the greatest there is, and a
    /// seal.
    static constexpr std::size_t kBodyCapacity = kRecordBodyMax + (std::size_t{1} << 20);

    OpenRecord() : body(std::make_unique_for_overwrite<std::byte[]>(kBodyCapacity)) {}

    void begin(const ChainHead& head, Timestamp at);

    ByteView body_bytes() const { return {body.get(), body_size}; }
    RecordNumber number() const { return before.next_record; }
    EventNumber next_event() const { return EventNumber(before.next_event.value() + event_count); }

    ChainHead before;
    Timestamp time;
    std::unique_ptr<std::byte[]> body;
    std::size_t body_size = 0;
    std::uint32_t event_count = 0;
    std::vector<AddedFact> facts;

    RecordAnswers told;

    StepOutbox outbox;
    std::vector<StepPeerBefore> peers_before;

    // Once sealed.
    SealedParts parts;
    std::array<ByteView, 2> pieces;  // prefix and body, as the log borrows them
    std::vector<SentBatch> sent;
    std::vector<Bytes> batches;           // sealed, as the log borrows them
    std::vector<OutgoingSteps> outgoing;  // views of them
    CommitTicket ticket;
};

}  // namespace vouch::command_handler
