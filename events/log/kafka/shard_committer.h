#pragma once

#include "events/log/kafka/membership.h"
#include "events/log/kafka/options.h"
#include "events/log/kafka/patience.h"
#include "events/log/kafka/shard_records.h"
#include "events/log/kafka/stop.h"
#include "events/log/kafka/transaction.h"

#include <memory>
#include <optional>

namespace vouch::kafka {

/// Commits one shard's records, each in a transaction of its own, and settles every doubt about
/// them from the log itself: the caller learns that a record is durable, or that it is not and will
/// never be, or that the patience is at its end. One thread at a time.
class ShardCommitter {
public:
    ShardCommitter(const KafkaLogOptions& options, ShardId shard, Membership& membership,
                   Watermarks& watermarks, ShardRecords& records, const Patience& patience,
                   Stop& stop);

    /// Becomes the shard's writer and reads its end: ends the transactions of earlier writers,
    /// waits until what they wrote is decided, and only then looks.
    Result<Tail> acquire();

    /// Blocks until the record is in the log. `fenced` when another writer's is there, or has come;
    /// `storage` when it cannot be said within the log's patience. The pieces and steps are
    /// borrowed until then.
    Status commit(const Commit& commit);

private:
    using Deadline = Patience::Deadline;

    Result<Tail> renew(const Deadline& deadline);
    Status try_renew(const Deadline& deadline);
    Status await_proof(const Deadline& deadline);
    Status await_stable_end(const Deadline& deadline);
    Status await_first(RecordNumber number, ByteView record, const Deadline& deadline);
    Fault gave_up(const std::string& why) const;

    const KafkaLogOptions options_;
    const ShardId shard_;
    Membership& membership_;
    Watermarks& watermarks_;
    ShardRecords& records_;
    const Patience& patience_;
    Stop& stop_;
    std::unique_ptr<TransactionProducer> producer_;  ///< null while in doubt
    /// What it took over, until its first record is seen to stand behind it.
    std::optional<Tail> taken_over_;
};

}  // namespace vouch::kafka
