#pragma once

#include "events/bytes/bytes.h"
#include "events/log/kafka/options.h"
#include "events/log/log.h"

#include <functional>
#include <vector>

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

/// What the cluster itself decides and a ledger does not bear, each a `configuration` fault as of
/// check_topics: brokers that let anybody's transaction stay open too long, and Kafka's own topics
/// that decide whether a commit is durable, with too few replicas. `retriable` when it cannot be
/// said. `heard` is called whenever a broker has answered a request.
Result<std::vector<Fault>> find_cluster_faults(const KafkaLogOptions& options,
                                               const std::function<void()>& heard);

/// Which topic of the deployment the cluster does not have any more; `retriable` when it cannot be
/// said.
Result<std::optional<Fault>> find_gone_topic(const KafkaLogOptions& options);

}  // namespace vouch::kafka
