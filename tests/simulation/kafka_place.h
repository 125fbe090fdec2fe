#pragma once

#include "events/log/kafka/kafka_log.h"
#include "tests/simulation/log_place.h"
#include "tests/support/memory_kafka.h"

namespace vouch::test {

/// On a cluster in memory, which goes on while the shard's processes die: what was sent arrives, a
/// transaction stays open until another producer comes, a member is there until its session ends.
class KafkaPlace final : public LogPlace {
public:
    void create(const NewDeployment& deployment, const EpochKeys& keys) override;
    std::unique_ptr<Log> open(MemoryFiles& disk) override;
    std::unique_ptr<LogReader> open_reader(MemoryFiles& disk) override;

    MemoryBroker& broker() { return broker_; }

private:
    MemoryBroker broker_;
    MemoryKafka client_{broker_};
    KafkaLogOptions options_;
};

}  // namespace vouch::test
