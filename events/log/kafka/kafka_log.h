#pragma once

#include "events/bytes/bytes.h"
#include "events/log/kafka/options.h"
#include "events/log/log.h"

#include <memory>
#include <vector>

namespace vouch {

/// The log on the topics of an Apache Kafka cluster: replicated, and shared by many machines.
///
/// A commit is one Kafka transaction: the record, its steps and the consumed offsets. Shards commit
/// side by side, each from a thread and under a name of its own, so a ticket says something of its
/// own shard's earlier tickets alone. Whatever is doubtful about a commit is settled from the log,
/// by a new producer that shuts out the old one: a broker that goes away and comes back within the
/// options' patience is not noticed by the caller.
///
/// Destroying it finishes the commits in flight, whose bytes must still be there.
class KafkaLog : public Log {
public:
    /// Makes the topics of a deployment of `options.shard_count` shards, with its Deployment
    /// message, and says which message stands there: the first one wins. May be repeated.
    static Result<Bytes> create(const KafkaLogOptions& options, ByteView deployment);

    /// The bytes of the Deployment message; `configuration` when there is no such deployment.
    static Result<Bytes> read_deployment(const KafkaLogOptions& options);

    /// Opens for writing. `configuration`, with topic, setting, what was expected and what was
    /// found, when a topic is not what a ledger needs; `retriable` when no broker answers within
    /// the options' patience.
    static Result<std::unique_ptr<KafkaLog>> open(const KafkaLogOptions& options);
};

/// The same log read by a process that does not write it. Changes nothing and joins no group.
class KafkaLogReader : public LogReader {
public:
    /// As KafkaLog::open.
    static Result<std::unique_ptr<KafkaLogReader>> open(const KafkaLogOptions& options);
};

}  // namespace vouch
