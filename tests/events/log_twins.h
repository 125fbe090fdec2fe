#pragma once

#include "events/log/log.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace vouch::test {

/// Shards of the log that each twin makes.
inline constexpr std::uint32_t kTwinShards = 3;

/// One implementation of the log's contract: a log of its own, empty at first, that can be closed
/// and opened again. Nothing in the contract test asks where it is kept, that its offsets are dense
/// or start at 0, or that input which no record consumed survives reopening or does not.
class Twin {
public:
    virtual ~Twin() = default;
    virtual Log& log() = 0;
    virtual void reopen() = 0;
    /// True when input lives in this process alone, in a queue of kInputBatchesMax that hands out
    /// each batch once and is empty after reopening.
    virtual bool keeps_input_in_memory() const { return true; }
};

struct TwinKind {
    std::string name;
    std::function<std::unique_ptr<Twin>()> make;
};

/// The twins that the contract test runs against. A test program has one definition of it, and so
/// decides which: log_twins.cc lists those that need nothing but this machine.
std::vector<TwinKind> twin_kinds();

}  // namespace vouch::test
