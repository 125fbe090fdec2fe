#pragma once

#include <cstddef>

namespace vouch::test {

/// Plays the bank's rows through a handler that is killed so many times, and checks everything.
/// `source` is "bank" or "bank-twice" (tests/simulation/batch_source.h). Returns, and has said so,
/// when the rows are not here.
void play_bank(const char* source, std::size_t kills);

}  // namespace vouch::test
