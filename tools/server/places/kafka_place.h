#pragma once

#include "events/log/kafka/options.h"
#include "events/result.h"
#include "events/seal/deployment.h"

#include <cstdint>
#include <string>

namespace vouch::places {

/// Where a deployment's topics are, as given on the command line or named in its deployment.
struct KafkaPlace {
    std::string bootstrap;  ///< HOST:PORT[,HOST:PORT…]
    /// Of the deployment; [a-z0-9.-]{1,128}, beginning and ending in a letter or digit.
    std::string name;
    KafkaReplication replication;
    /// How long brokers may let anybody's transaction stay open, in seconds.
    std::uint32_t longest_transaction_s = 60;

    KafkaLogOptions log_options(std::uint32_t shard_count) const;
};

/// `configuration` for a name that topics cannot have or a replication that no cluster can keep.
Status check_place(const KafkaPlace& place);

/// As a deployment describes it, and back.
KafkaPlace place_of(const KafkaTopics& topics);
KafkaTopics topics_at(const KafkaPlace& place);

}  // namespace vouch::places
