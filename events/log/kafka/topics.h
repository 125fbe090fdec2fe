#pragma once

#include "events/log/kafka/options.h"
#include "events/log/log.h"

namespace vouch::kafka {

/// Makes a deployment's topics and writes its Deployment message, and says what message stands
/// there: the first one wins, also of two processes that create at once. What exists already stays
/// as it is; check_topics says whether it will do. `configuration` when the brokers refuse,
/// `retriable` when none answers within the options' patience.
Result<Bytes> create_topics(const KafkaLogOptions& options, ByteView deployment);

/// The bytes of the Deployment message. `configuration` when there is no such deployment.
Result<Bytes> read_deployment(const KafkaLogOptions& options);

/// Compares the topics with what a ledger needs and says how many shards they have.
/// `configuration` with topic, setting, what was expected and what was found.
Result<std::uint32_t> check_topics(const KafkaLogOptions& options);

}  // namespace vouch::kafka
