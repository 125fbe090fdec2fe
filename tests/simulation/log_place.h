#pragma once

#include "events/log/log.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "tests/support/memory_files.h"

#include <memory>
#include <stdexcept>
#include <utility>

namespace vouch::test {

/// Where the log of a simulated shard is kept while its processes die.
class LogPlace {
public:
    virtual ~LogPlace() = default;
    /// Once, on a fibre.
    virtual void create(const NewDeployment&, const EpochKeys&) {}
    /// For a process that begins, on a fibre.
    virtual std::unique_ptr<Log> open(MemoryFiles& disk) = 0;
    /// When all is over.
    virtual std::unique_ptr<LogReader> open_reader(MemoryFiles& disk) = 0;
};

/// In files of the shard's disk.
class EmbeddedPlace final : public LogPlace {
public:
    std::unique_ptr<Log> open(MemoryFiles& disk) override;
    std::unique_ptr<LogReader> open_reader(MemoryFiles& disk) override;
};

/// A result's value; throws its fault's message.
template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
}
inline void must(const Status& status) {
    if (!status) throw std::runtime_error(status.error().message);
}

}  // namespace vouch::test
