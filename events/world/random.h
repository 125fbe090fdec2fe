#pragma once

#include <cstdint>

namespace vouch {

/// 64 bits that nobody can guess, from the kernel; of a simulation's fibre, from its seed. Without
/// randomness there are no ids and no keys, and nobody could do anything about it: asserted.
std::uint64_t random_number();

}  // namespace vouch
