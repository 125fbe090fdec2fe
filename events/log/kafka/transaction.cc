#include "events/log/kafka/transaction.h"

#include "events/world/clock.h"

#include <chrono>
#include <utility>

namespace vouch::kafka {

Result<std::unique_ptr<TransactionProducer>> TransactionProducer::make(
    const KafkaLogOptions& options, ShardId shard) {
    Result<std::unique_ptr<Transactions>> opened =
        options.client->open_transactions(options, shard);
    if (!opened) return opened.error();
    return std::make_unique<TransactionProducer>(std::move(*opened),
                                                 transaction_timeout_ms(options));
}

/// Brokers bump the epoch of a transaction that was open for too long, which looks as if another
/// process had come. Before that time is over, only another process can have.
Written TransactionProducer::write(const Transaction& transaction, const std::string& identity) {
    const SteadyTime began = steady_now();
    const TransactionEnd end = transactions_->run(transaction, identity);
    if (end.is_committed) {
        // Of one answer librdkafka may tell twice; what was sent once is answered once at most.
        is_tainted_ = end.ends_sent != 1 || end.ends_answered < 1;
        return {Written::Kind::committed, "", end.offset};
    }
    const bool is_early = steady_now() - began < std::chrono::milliseconds(timeout_ms_);
    Written written{Written::Kind::doubtful, end.reason, std::nullopt};
    if (end.is_displaced) written.kind = Written::Kind::displaced;
    if (end.is_fenced && is_early) written.kind = Written::Kind::fenced;
    return written;
}

}  // namespace vouch::kafka
