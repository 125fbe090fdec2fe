#pragma once

#include "events/log/log.h"
#include "events/money/ids.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace vouch::test {

/// Batches by number, the same in every process that asks for them.
class BatchSource {
public:
    virtual ~BatchSource() = default;
    /// Batches there are; a source without end says more than anybody asks for.
    virtual std::uint64_t batches() const = 0;
    virtual std::size_t size(std::uint64_t batch) const = 0;
    virtual Bytes batch(std::uint64_t batch) const = 0;
    virtual CommandId id(std::uint64_t batch, std::size_t member) const = 0;
};

/// "mixed:SEED" (MixedLoad), "mixed-clock:SEED" (which sets the clock), "bank:FILE" (BankLoad), or
/// "bank-twice:FILE", where every command follows itself. Empty for anything else.
std::unique_ptr<BatchSource> make_batch_source(const std::string& name);

}  // namespace vouch::test
