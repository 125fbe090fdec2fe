#pragma once

#include "events/log/kafka/handle.h"
#include "events/log/kafka/options.h"
#include "events/log/log.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::kafka {

/// How long brokers let a transaction stay open, and how long each step of one may take: this, or
/// the options' patience if that is less.
inline constexpr std::int64_t kTransactionTimeoutMs = 10'000;

/// What one transaction writes. The bytes are borrowed until `write` has returned and, if its
/// outcome was not `committed`, until the producer is gone.
struct Transaction {
    ShardId shard;
    RecordNumber number;
    ByteView record;
    std::vector<OutgoingSteps> steps;
    InputPosition next;
};

/// What became of a transaction.
struct Written {
    enum class Kind {
        committed,
        doubtful,   ///< it may be in the log, now or later, until another producer takes the name
        displaced,  ///< doubtful, and the group knows this process no longer as it did
        fenced      ///< refused as another process would be that writes under this name
    };
    Kind kind;
    std::string reason;                  ///< of all but the first
    std::optional<std::int64_t> offset;  ///< of the record, if the broker said
};

/// One life of a shard's transactional producer. Once it has said anything but `committed`, or is
/// tainted, it is of no further use: make another one. One thread.
///
/// librdkafka repeats an end of transaction whose answer is late, and a broker that speaks the
/// protocol of before KIP-890 may take the repeat for the end of the next transaction. So requests
/// of that kind are counted, and after anything but one sent and one answered this producer ends
/// with the transaction that it has: the next one's producer has another epoch.
class TransactionProducer {
public:
    static Result<std::unique_ptr<TransactionProducer>> make(const KafkaLogOptions& options,
                                                             ShardId shard);
    ~TransactionProducer();

    /// Becomes the only producer of this name: whatever an earlier one has in flight is decided, or
    /// will be refused. `fenced` when another one came at the same time, else `retriable`.
    Status take_over(std::int64_t timeout_ms);

    /// `group` is the membership's at this moment.
    Written write(const Transaction& transaction, const GroupMetadata& group);

    bool is_tainted() const { return is_tainted_; }

private:
    /// What librdkafka's own threads tell. Outlives the handle.
    struct Seen {
        std::atomic<std::int64_t> ends_sent = 0;
        std::atomic<std::int64_t> ends_answered = 0;
        std::atomic<std::int64_t> record_offset = -1;
    };

    TransactionProducer(const KafkaLogOptions& options, ShardId shard);
    Written failed(rd_kafka_resp_err_t code, const std::string& what, std::int64_t began_us) const;
    rd_kafka_resp_err_t produce(const Topic& topic, ShardId partition, ByteView key, ByteView bytes,
                                bool is_record);
    static rd_kafka_resp_err_t on_new(rd_kafka_t* handle, const rd_kafka_conf_t*, void* opaque,
                                      char*, std::size_t);

    const std::string name_;
    const std::string commands_name_;
    const std::string steps_name_;
    const std::int64_t timeout_ms_;
    Seen seen_;
    Handle handle_;  ///< destroyed after its topics
    Topic events_;
    Topic steps_;
    bool is_tainted_ = false;
};

}  // namespace vouch::kafka
