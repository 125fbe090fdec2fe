#include "tests/events/kafka_memory_rig.h"
#include "tests/events/log_twins.h"

#include <doctest/doctest.h>

namespace vouch::test {
namespace {

class KafkaInMemoryTwin final : public Twin {
public:
    KafkaInMemoryTwin() { reopen(); }
    Log& log() override { return *log_; }
    void reopen() override {
        log_.reset();
        log_ = cluster_.open();
    }
    bool keeps_input_in_memory() const override { return false; }

private:
    MemoryCluster cluster_{kTwinShards};
    std::unique_ptr<KafkaLog> log_;
};

}  // namespace

std::vector<TwinKind> twin_kinds() {
    return {{"kafka in memory", [] { return std::make_unique<KafkaInMemoryTwin>(); }}};
}

}  // namespace vouch::test
