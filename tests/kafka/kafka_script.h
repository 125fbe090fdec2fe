#pragma once

#include "events/log/kafka/client.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace vouch::test {

/// A cluster with the topics of one deployment of three shards, and what its client cannot do.
struct ScriptedCluster {
    KafkaLogOptions options;
    /// A message in a transaction of that name, which stays open, and is begun if there is none.
    std::function<void(const std::string& name, const std::string& topic,
                       const std::string& payload)>
        put_open;
    /// Ends it; what became of that.
    std::function<std::string(const std::string& name, bool commits)> end_open;
    /// Of the topic's first partition, what stands before an offset is gone.
    std::function<void(const std::string& topic, std::int64_t before)> trim;
};

/// Goes through calls of the client one after the other, and says a line for each that tells
/// something of the brokers: every cluster says the same.
std::vector<std::string> play_script(const ScriptedCluster& cluster);

}  // namespace vouch::test
