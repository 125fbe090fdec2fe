#pragma once

#include "events/log/kafka/kafka_log.h"
#include "tests/simulation/log_place.h"
#include "tests/support/memory_kafka.h"

namespace vouch::test {

/// On a cluster in memory, which goes on while processes die: what was sent arrives, a
/// transaction stays open until another producer comes, a member is there until its session ends.
class KafkaPlace final : public LogPlace {
public:
    /// The seed is of what the brokers do wrong.
    KafkaPlace(std::uint32_t shards, TransactionProtocol protocol, std::uint64_t seed)
        : broker_(protocol, seed) {
        options_.shard_count = shards;
    }
    void create(const NewDeployment& deployment, const EpochKeys& keys) override;
    Result<std::unique_ptr<Log>> open(Machine& machine) override;
    Result<std::unique_ptr<LogReader>> open_reader(Machine& machine) override;

    MemoryBroker& broker() { return broker_; }
    const KafkaLogOptions& options() const { return options_; }

private:
    KafkaLogOptions options_of(Machine& machine) const;

    MemoryBroker broker_;
    MemoryKafka client_{broker_};
    KafkaLogOptions options_;
};

}  // namespace vouch::test
