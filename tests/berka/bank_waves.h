#pragma once

#include "events/entries/command.h"
#include "events/log/log.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "tests/berka/bank_rows.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <vector>

namespace vouch::test {

/// The bank's rows in waves, for any number of shards: between two shards nothing orders commands
/// but that one is final before the other is sent. Wave 0 opens the accounts; wave n has the n-th
/// row of each account that has so many.
class BankWaves {
public:
    explicit BankWaves(const BankLoad& load);

    std::size_t size() const { return waves_.size(); }
    const std::vector<Command>& wave(std::size_t n) const { return waves_[n]; }

private:
    std::vector<std::vector<Command>> waves_;
};

struct WavePlay {
    std::size_t times = 1;  ///< how often each command is sent, one after the other
    std::size_t from = 0;   ///< waves before this one were played already
    std::size_t until = ~std::size_t{0};
    /// Called when a wave is final. May be empty.
    std::function<void(std::size_t wave)> is_final;
};

/// Plays waves through a handler of all shards of `log`, which keeps its files below `directory`;
/// each is final before the next is sent. Each command must be accepted; those of wave `from` and
/// the next may have been before, in part. Throws std::runtime_error when something else becomes of
/// it.
void play_waves(Log& log, const Deployment& deployment, const EpochKeys& keys,
                const std::filesystem::path& directory, const BankWaves& waves,
                const WavePlay& play);

}  // namespace vouch::test
