#include "tests/simulation/kafka_place.h"

namespace vouch::test {

void KafkaPlace::create(const NewDeployment& deployment, const EpochKeys& keys) {
    options_.name = "books";
    options_.bootstrap = "memory";
    options_.replication = kSingleBroker;
    // Small, so that brokers are asked for records again.
    options_.cache_bytes = 8 << 10;
    options_.client = &client_;
    options_.judge = std::make_shared<RecordJudge>(deployment.deployment, keys.clone());
    must(KafkaLog::create(options_, deployment.bytes));
}

Result<std::unique_ptr<Log>> KafkaPlace::open(Machine& machine) {
    KafkaLogOptions options = options_;
    options.instance = machine.name;
    auto log = KafkaLog::open(options);
    if (!log) return log.error();
    return std::unique_ptr<Log>(std::move(*log));
}

Result<std::unique_ptr<LogReader>> KafkaPlace::open_reader(Machine&) {
    auto log = KafkaLogReader::open(options_);
    if (!log) return log.error();
    return std::unique_ptr<LogReader>(std::move(*log));
}

}  // namespace vouch::test
