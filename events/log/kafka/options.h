#pragma once

#include "events/log/kafka/librdkafka_client.h"
#include "events/seal/record_judge.h"
#include "events/world/files.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

namespace vouch {

/// How many brokers hold each message, and how many of them must have it before it counts.
struct KafkaReplication {
    std::uint32_t replicas = 3;
    std::uint32_t in_sync_min = 2;
};

/// A broker that is alone: nothing survives its disk.
inline constexpr KafkaReplication kSingleBroker{1, 1};

/// Where a deployment's topics are and what they must be like.
struct KafkaLogOptions {
    std::string bootstrap;          ///< HOST:PORT[,HOST:PORT…]
    std::string name;               ///< of the deployment; its topics are `<name>.…`
    std::uint32_t shard_count = 0;  ///< as created; 0, for opening: whatever the topics say
    KafkaReplication replication{};
    /// Names this process in the group of handlers: a newer process of the same instance ends it.
    std::string instance = "0";
    /// How long opening, and a commit in doubt, wait for brokers that do not answer.
    std::int64_t patience_ms = 60'000;
    /// How long brokers may let anybody's transaction stay open: nobody reads beyond one meanwhile.
    std::int64_t transaction_ms_max = 60'000;
    /// Bytes of recent records that a handler keeps in a file of its own, to look things up in;
    /// less where the disk has not four times as much free when the log is opened. What is asked of
    /// an older one (the first outcome of a command that is sent again, an entry to be reversed) is
    /// fetched from the brokers, a record at a time.
    std::uint64_t cache_bytes = std::uint64_t{4} << 30;
    /// Where that file lies, without a name. A log that is only read keeps a small one, or none
    /// where there can be none.
    TemporaryPlace cache_place{};
    /// Tells the deployment's records from what others wrote to their topic. Null, as some tests
    /// have it: whatever has a record's key and the next number is the next record.
    std::shared_ptr<RecordJudge> judge{};
    /// Of a reader: a record that is missing in the midst is no end of the log but `corrupt` for
    /// who reads that one; what stands behind it is read.
    bool passes_damage = false;
    /// What speaks with the brokers; outlives the log.
    kafka::KafkaClient* client = &kafka::librdkafka_client();
};

namespace kafka {

inline std::string commands_topic(const KafkaLogOptions& options) {
    return options.name + ".commands";
}
inline std::string steps_topic(const KafkaLogOptions& options) { return options.name + ".steps"; }
inline std::string events_topic(const KafkaLogOptions& options) { return options.name + ".events"; }
inline std::string deployment_topic(const KafkaLogOptions& options) {
    return options.name + ".deployment";
}
/// Of the handlers of a deployment.
inline std::string group_name(const KafkaLogOptions& options) { return options.name + ".handlers"; }

/// How long brokers let a transaction stay open, and how long each step of one may take: this, or
/// the options' patience if that is less.
inline constexpr std::int64_t kTransactionTimeoutMs = 10'000;
inline constexpr std::int64_t kTransactionTimeoutMinMs = 1'000;
inline std::int64_t transaction_timeout_ms(const KafkaLogOptions& options) {
    return std::clamp(options.patience_ms, kTransactionTimeoutMinMs, kTransactionTimeoutMs);
}

}  // namespace kafka
}  // namespace vouch
