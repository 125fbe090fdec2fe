#pragma once

#include "events/log/embedded/embedded_log.h"
#include "events/log/log.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "tests/simulation/machine.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace vouch::test {

/// Where the log of a simulated deployment is kept while its processes die. On fibres.
class LogPlace {
public:
    virtual ~LogPlace() = default;
    /// Once.
    virtual void create(const NewDeployment&, const EpochKeys&) {}
    /// For a process of the machine that begins.
    virtual Result<std::unique_ptr<Log>> open(Machine& machine) = 0;
    /// When all is over.
    virtual Result<std::unique_ptr<LogReader>> open_reader(Machine& machine) = 0;
};

/// In files of the machine, which is the only one. Who opens it to write asks what lies beside it
/// how far it went, as `vouch serve` does.
class EmbeddedPlace final : public LogPlace {
public:
    /// A segment holds the largest record, or little, so that they change over in a life.
    EmbeddedPlace(std::uint32_t shards, bool has_large_records)
        : shards_(shards), has_large_records_(has_large_records) {}
    void create(const NewDeployment& deployment, const EpochKeys& keys) override;
    Result<std::unique_ptr<Log>> open(Machine& machine) override;
    Result<std::unique_ptr<LogReader>> open_reader(Machine& machine) override;

private:
    EmbeddedLogOptions options() const;

    const std::uint32_t shards_;
    const bool has_large_records_;
    std::optional<EpochKeys> keys_;
};

constexpr std::string_view word_of(FaultCode code) {
    switch (code) {
        case FaultCode::retriable: return "retriable";
        case FaultCode::fenced: return "fenced";
        case FaultCode::corrupt: return "corrupt";
        case FaultCode::storage: return "storage";
        case FaultCode::configuration: return "configuration";
    }
    return "?";
}
/// Throws a fault as its process's last words.
[[noreturn]] inline void stop_for(const Fault& fault) {
    throw std::runtime_error(std::string(word_of(fault.code)) + ": " + fault.message);
}
/// A result's value; a fault stops.
template <class T>
T must(Result<T> result) {
    if (!result) stop_for(result.error());
    return std::move(*result);
}
inline void must(const Status& status) {
    if (!status) stop_for(status.error());
}

}  // namespace vouch::test
