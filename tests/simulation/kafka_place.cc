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

KafkaLogOptions KafkaPlace::options_of(Machine& machine) const {
    KafkaLogOptions options = options_;
    options.instance = machine.instance;
    options.cache_place = {.files = &machine.disk, .directory = "."};
    return options;
}

Result<std::unique_ptr<Log>> KafkaPlace::open(Machine& machine) {
    auto log = KafkaLog::open(options_of(machine));
    if (!log) return log.error();
    return std::unique_ptr<Log>(std::move(*log));
}

Result<std::unique_ptr<LogReader>> KafkaPlace::open_reader(Machine& machine) {
    auto log = KafkaLogReader::open(options_of(machine));
    if (!log) return log.error();
    return std::unique_ptr<LogReader>(std::move(*log));
}

}  // namespace vouch::test
