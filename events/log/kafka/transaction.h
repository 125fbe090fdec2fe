#pragma once

#include "events/log/kafka/client.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace vouch::kafka {

/// What became of a transaction.
struct Written {
    enum class Kind : std::uint8_t {
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
    TransactionProducer(std::unique_ptr<Transactions> transactions, std::int64_t timeout_ms)
        : transactions_(std::move(transactions)), timeout_ms_(timeout_ms) {}

    /// As Transactions.
    Status take_over(std::int64_t timeout_ms) { return transactions_->take_over(timeout_ms); }

    /// `identity` is the membership's at this moment.
    Written write(const Transaction& transaction, const std::string& identity);

    bool is_tainted() const { return is_tainted_; }

private:
    const std::unique_ptr<Transactions> transactions_;
    const std::int64_t timeout_ms_;
    bool is_tainted_ = false;
};

}  // namespace vouch::kafka
