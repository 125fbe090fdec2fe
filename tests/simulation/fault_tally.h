#pragma once

#include "tests/simulation/plan.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {

/// How often runs had a fault of each kind, and how often it took place: a read that fails does
/// when somebody reads. Plain bytes.
class FaultTally {
public:
    void meet(FaultKind kind) { ++counts_[index(kind)].met; }
    void take_place(FaultKind kind) { ++counts_[index(kind)].took_place; }
    void add(const FaultTally& other);

    std::uint64_t took_place() const;
    /// Of the kinds that were met, a few a line.
    std::string text() const;
    /// Names of kinds that were met and never took place.
    std::vector<std::string_view> missing() const;

private:
    struct Count {
        std::uint64_t met = 0;
        std::uint64_t took_place = 0;
    };
    static std::size_t index(FaultKind kind) { return static_cast<std::size_t>(kind); }

    std::array<Count, kFaultKinds> counts_{};
};

}  // namespace vouch::test
