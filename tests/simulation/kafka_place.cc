#include "tests/simulation/kafka_place.h"

namespace vouch::test {

void KafkaPlace::create(const NewDeployment& deployment, const EpochKeys& keys) {
    options_.name = "books";
    options_.bootstrap = "memory";
    options_.shard_count = 1;
    options_.replication = kSingleBroker;
    // Small, so that brokers are asked for records again.
    options_.cache_bytes = 8 << 10;
    options_.client = &client_;
    options_.judge = std::make_shared<RecordJudge>(deployment.deployment, keys.clone());
    must(KafkaLog::create(options_, deployment.bytes));
}

std::unique_ptr<Log> KafkaPlace::open(MemoryFiles&) { return must(KafkaLog::open(options_)); }

std::unique_ptr<LogReader> KafkaPlace::open_reader(MemoryFiles&) {
    return must(KafkaLogReader::open(options_));
}

}  // namespace vouch::test
