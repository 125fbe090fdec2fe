#pragma once

#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/result.h"
#include "events/seal/mac.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vouch {

/// The books that others go on from, where they ended.
struct Predecessor {
    struct End {
        RecordNumber next_record;
        Digest last_digest{};
    };
    DeploymentId id;
    std::vector<End> ends;  ///< by shard
    Digest digest{};        ///< of its balances, holds and entries
};

inline constexpr std::size_t kBrokersBytesMax = 1024;

/// The topics of a log on Kafka, as they were made.
struct KafkaTopics {
    std::string name;
    std::string brokers;  ///< HOST:PORT[,HOST:PORT…]; others may be named at each opening
    std::uint32_t replicas = 1;
    std::uint32_t in_sync_min = 1;
};

/// What a deployment is, fixed at its creation (schemas/record.proto, Deployment).
struct Deployment {
    DeploymentId id;
    ChainId chain;
    std::uint32_t shards = 1;
    bool test_clock = false;
    Timestamp created_at;
    std::optional<Predecessor> predecessor;
    std::optional<KafkaTopics> kafka;  ///< empty: the log is embedded

    /// The previous digest of every shard's record 0, and what all keys are derived from: a digest
    /// of the message's bytes as stored.
    Digest genesis_tag{};
};

inline constexpr std::uint32_t kShardsMax = 1024;
/// What is written; 2 differs in what its first records look like (record.h), and is read too.
inline constexpr std::uint32_t kDeploymentFormat = 3;

/// A new one with random ids, and its bytes to store.
struct NewDeployment {
    Deployment deployment;
    std::vector<std::byte> bytes;
};
NewDeployment make_deployment(std::uint32_t shards, bool test_clock, Timestamp now,
                              std::optional<KafkaTopics> kafka = std::nullopt,
                              std::optional<Predecessor> predecessor = std::nullopt);

/// A Deployment message is at most this long: some 60 bytes, and 50 a shard of its predecessor.
inline constexpr std::size_t kDeploymentBytesMax = std::size_t{64} << 10;

/// Reads stored bytes. `configuration` for another format or contents out of range.
Result<Deployment> parse_deployment(std::span<const std::byte> bytes);

}  // namespace vouch
