// Shard and record do not change places unseen, nor shard and ledger.

#include "events/log/log.h"
#include "events/log/writer_turn.h"

namespace vouch {

void swap(Log& log, ShardId shard, RecordNumber record, LedgerId ledger) {
    (void)record_name(shard, record);
    (void)record_name(record, shard);   // error: could not convert|no matching function
    (void)record_name(ledger, record);  // error: could not convert|no matching function
    (void)WriterTurn(shard, record);
    (void)WriterTurn(record, shard);    // error: no matching function|no matching constructor
    (void)log.read_records(record, shard, 0, {});  // error: could not convert|cannot convert
}

}  // namespace vouch
