#include "tests/events/log_twins.h"
#include "tests/kafka/kafka_test_support.h"

#include <doctest/doctest.h>

namespace vouch::test {
namespace {

class KafkaTwin final : public Twin {
public:
    KafkaTwin() : options_(fresh_options(kTwinShards)) {
        create(options_);
        reopen();
    }
    Log& log() override { return *log_; }
    void reopen() override {
        log_.reset();
        log_ = std::make_unique<SettledLog>(options_, open_kafka(options_));
    }
    bool keeps_input_in_memory() const override { return false; }

private:
    const KafkaLogOptions options_;
    std::unique_ptr<SettledLog> log_;
};

}  // namespace

std::vector<TwinKind> twin_kinds() {
    return {{"kafka", [] { return std::make_unique<KafkaTwin>(); }}};
}

}  // namespace vouch::test
