#pragma once

#include "tests/berka/bank_waves.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace vouch::test {

/// Plays the bank's rows through a handler that is killed so many times, and checks everything.
/// `source` is "bank" or "bank-twice" (tests/simulation/batch_source.h). Returns, and has said so,
/// when the rows are not here.
void play_bank(const char* source, std::size_t kills);

/// The bank, checked to be all there. Empty, and says so, when its rows are not here.
std::optional<BankLoad> load_bank();

/// Everything that must be so of a log in which the bank was played wholly: the books of all shards
/// at every moment and at rest, each balance, views, and a clean replay.
void check_bank(LogReader& log, const Deployment& deployment, const EpochKeys& keys,
                const std::filesystem::path& views, const BankLoad& load);

/// Plays the bank in waves on an embedded log of so many shards, each command sent so often, and
/// checks everything.
void play_bank_in_waves(std::uint32_t shards, std::size_t times);

/// The same in processes of which all but the last are killed. The caller must not have started
/// threads: the processes are its forks.
void play_bank_in_killed_waves(std::uint32_t shards, std::size_t kills);

}  // namespace vouch::test
