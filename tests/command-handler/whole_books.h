#pragma once

#include "tests/command-handler/log_fold.h"

#include <string>
#include <vector>

namespace vouch::test {

/// The logs of all shards of a deployment, folded and held against each other.
class WholeBooks {
public:
    WholeBooks(const Deployment& deployment, const EpochKeys& keys);

    /// Takes in what the log has beyond what was read before.
    void read(LogReader& log);

    const LogFold& shard(std::uint32_t shard) const { return folds_[shard]; }

    /// What is wrong at any moment: in a shard's chain, in its balance (debits are credits, posted
    /// and held), or steps that were taken and never sent. Empty when nothing is.
    std::string faults() const;
    /// The same once no shard has anything to do: every step was taken, every command has its
    /// outcome, and nothing is left in transit accounts.
    std::string faults_at_rest() const;

    /// Every account with an id, in order of ids, with its totals and version; then every hold.
    std::string books() const;

private:
    std::vector<LogFold> folds_;
};

}  // namespace vouch::test
