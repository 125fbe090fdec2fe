#pragma once

#include "command-handler/shard/locator.h"
#include "command-handler/shard/shard_books.h"
#include "command-handler/shard/shard_environment.h"
#include "command-handler/shard/shard_store.h"
#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/log/log.h"
#include "events/money/number.h"
#include "events/result.h"
#include "events/seal/record_verifier.h"

#include <string>

namespace vouch::command_handler {

/// Applies a shard's records to its books, each verified: its seal, its place in the chain, and
/// that its events follow. One thread.
class LogReplay {
public:
    /// Both outlive it. The books are as of their head, but for accounts and holds of a snapshot
    /// that are newer: as of some record before `exact_from`.
    LogReplay(const ShardEnvironment& with, ShardBooks& books, RecordNumber exact_from)
        : with_(with),
          books_(books),
          verifier_(with.deployment, with.shard, &with.keys),
          exact_from_(exact_from) {}

    /// To the end of the log. From the first record on whose facts the store does not have, facts
    /// are taken, of records that the books have already too.
    Status run(const StorePosition& store);

private:
    Status read_facts(StorePosition from);
    Status replay_record(const StoredRecord& stored, bool take_facts);
    Status replay_events(const RecordView& record, bool applies, bool takes_facts);
    Status rotate_facts(RecordNumber next);
    Result<Event> decode(ByteView bytes, const Locator& locator);
    Fault corrupt(const Locator& locator, const std::string& what) const;
    bool apply(const Event& event, EventNumber number);
    bool follows_state(const Event& event) const;
    bool may_be_newer() const { return books_.head.next_record < exact_from_; }
    bool apply_to_peers(const Event& event);

    const ShardEnvironment& with_;
    ShardBooks& books_;
    RecordVerifier verifier_;
    const RecordNumber exact_from_;
    bool ended_epoch_ = false;  // by the record just replayed
    Arena arena_;
};

}  // namespace vouch::command_handler
