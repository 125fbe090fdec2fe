#pragma once

#include "events/log/kafka/kafka_log.h"
#include "events/log/kafka/membership.h"
#include "events/log/kafka/record_message.h"
#include "events/log/kafka/shard_committer.h"
#include "events/seal/deployment.h"
#include "tests/events/log_test_support.h"
#include "tests/support/memory_kafka.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

namespace vouch::test {

/// A cluster in memory with the topics of one deployment.
class MemoryCluster {
public:
    explicit MemoryCluster(std::uint32_t shards,
                           TransactionProtocol protocol = TransactionProtocol::verified,
                           std::uint64_t seed = 0)
        : broker(protocol, seed) {
        options.name = "books";
        options.bootstrap = "memory";
        options.shard_count = shards;
        options.replication = kSingleBroker;
        options.cache_bytes = 1 << 20;
        options.client = &client;
        const Bytes deployment = make_deployment(1, false, Timestamp(0)).bytes;
        const Result<Bytes> made = KafkaLog::create(options, deployment);
        REQUIRE_MESSAGE(made, fault_of(made));
        REQUIRE(*made == deployment);
    }
    MemoryCluster(const MemoryCluster&) = delete;

    std::unique_ptr<KafkaLog> open() {
        Result<std::unique_ptr<KafkaLog>> log = KafkaLog::open(options);
        REQUIRE_MESSAGE(log, fault_of(log));
        return std::move(*log);
    }
    std::unique_ptr<KafkaLogReader> open_reader() {
        Result<std::unique_ptr<KafkaLogReader>> log = KafkaLogReader::open(options);
        REQUIRE_MESSAGE(log, fault_of(log));
        return std::move(*log);
    }
    /// What readers see of a shard's records, stray or not.
    std::vector<std::string> records(ShardId shard = kFirst) {
        return broker.shown(kafka::events_topic(options),
                            static_cast<std::int32_t>(shard.value()));
    }
    /// As a stranger does.
    std::int64_t put_record(std::uint64_t number, const std::string& text) {
        return broker.put(kafka::events_topic(options), 0, kafka::key_of(RecordNumber(number)),
                          bytes_of(text));
    }

    MemoryBroker broker;
    MemoryKafka client{broker};
    KafkaLogOptions options;
};

/// What a log is made of, for the first shard, so that a test can stop in the middle of it.
struct KafkaParts {
    explicit KafkaParts(MemoryCluster& with) : cluster(with), options(with.options) {
        watermarks = std::move(*options.client->open_watermarks(options.bootstrap));
        Result<std::unique_ptr<kafka::Membership>> joined = kafka::Membership::join(options);
        REQUIRE_MESSAGE(joined, fault_of(joined));
        membership = std::move(*joined);
        cache = kafka::RecordCache::none();
        records = std::make_unique<kafka::ShardRecords>(options, kFirst, *watermarks, *cache,
                                                        strays, patience);
    }
    /// One that has not taken over yet: as after a doubt.
    kafka::ShardCommitter committer() {
        return {options, kFirst, *membership, *watermarks, *records, patience, stop};
    }

    MemoryCluster& cluster;
    const KafkaLogOptions options;
    std::unique_ptr<kafka::Watermarks> watermarks;
    std::unique_ptr<kafka::Membership> membership;
    std::unique_ptr<kafka::RecordCache> cache;
    kafka::Strays strays;
    kafka::Patience patience{options.patience_ms};
    std::unique_ptr<kafka::ShardRecords> records;
    kafka::Stop stop;
};

}  // namespace vouch::test
