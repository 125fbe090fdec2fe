#pragma once

#include <cstdint>

namespace vouch::test {

/// What the driver writes to its pipe for every answer, with plain `write`: sixteen bytes, so that
/// what is whole in the pipe was acknowledged, whatever happened to the process since.
struct Acknowledgement {
    std::uint32_t batch = 0;
    std::uint16_t member = 0;
    std::uint8_t outcome = 0;
    std::uint8_t repeated = 0;
    std::uint64_t record = 0;
};
static_assert(sizeof(Acknowledgement) == 16);

}  // namespace vouch::test
