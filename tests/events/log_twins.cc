#include "tests/events/log_twins.h"

#include "events/log/embedded/embedded_log.h"
#include "tests/events/log_sparse.h"
#include "tests/events/log_test_support.h"
#include "tests/support/memory_files.h"
#include "tests/support/simulated_log.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

namespace vouch::test {
namespace {

class EmbeddedTwin final : public Twin {
public:
    EmbeddedTwin() { reopen(); }
    Log& log() override { return *log_; }
    void reopen() override {
        log_.reset();
        EmbeddedLogOptions options;
        options.directory = directory_.path() / "log";
        options.shard_count = kTwinShards;
        options.segment_bytes = 4 << 20;
        Result<std::unique_ptr<EmbeddedLog>> opened = EmbeddedLog::open(options);
        REQUIRE_MESSAGE(opened, fault_of(opened));
        log_ = std::move(*opened);
    }

private:
    TemporaryDirectory directory_;
    std::unique_ptr<EmbeddedLog> log_;
};

class EmbeddedInMemoryTwin final : public Twin {
public:
    EmbeddedInMemoryTwin() { reopen(); }
    Log& log() override { return *log_; }
    void reopen() override {
        log_.reset();
        Result<std::unique_ptr<EmbeddedLog>> opened = EmbeddedLog::open(
            {.directory = "log", .shard_count = kTwinShards, .segment_bytes = 4 << 20}, files_);
        REQUIRE_MESSAGE(opened, fault_of(opened));
        log_ = std::move(*opened);
    }

private:
    MemoryFiles files_;
    std::unique_ptr<EmbeddedLog> log_;
};

class SimulatedTwin final : public Twin {
public:
    Log& log() override { return log_; }
    void reopen() override { log_.crash(); }

private:
    SimulatedLog log_{kTwinShards};
};

class SparseTwin final : public Twin {
public:
    Log& log() override { return log_; }
    void reopen() override { log_.crash(); }
    bool keeps_input_in_memory() const override { return false; }

private:
    SparseLog log_{kTwinShards};
};

}  // namespace

std::vector<TwinKind> twin_kinds() {
    return {{"embedded", [] { return std::make_unique<EmbeddedTwin>(); }},
            {"embedded in memory", [] { return std::make_unique<EmbeddedInMemoryTwin>(); }},
            {"simulated", [] { return std::make_unique<SimulatedTwin>(); }},
            {"sparse", [] { return std::make_unique<SparseTwin>(); }}};
}

}  // namespace vouch::test
