#pragma once

#include "events/money/outcome.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "tests/command-handler/log_fold.h"
#include "tests/simulation/batch_source.h"
#include "tests/simulation/driver_process.h"
#include "tests/support/temporary_directory.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace vouch::test {

/// Lives and deaths of one deployment: each life sends everything from the start, and is killed at
/// a moment that the seed chooses. Checks after every kill, with doctest, that
/// - nothing is answered otherwise than before, and answers come in order;
/// - what was acknowledged is in the log, with that outcome;
/// - the log's chain, numbers and versions are whole, and no id has two outcomes.
class KillCampaign {
public:
    struct Options {
        std::uint64_t seed = 1;
        std::string source;
        bool test_clock = false;
        bool follows = false;  ///< a projector runs in about every second life
        /// A life is killed after at most so many answers beyond those known before.
        std::uint64_t new_answers_max = 400;
    };

    explicit KillCampaign(const Options& options);

    void kill_once();
    /// Starts a process while another one lives: it must refuse, and say why.
    void refuse_second();
    /// One life that is not killed: all batches below `batches` are then answered.
    void finish(std::uint64_t batches);

    /// Kills that left a commit that nobody was told of, whole or torn.
    std::size_t kills_within_commit() const { return within_commit_; }
    /// First batch of which nothing was acknowledged.
    std::uint64_t batches_begun() const { return told_.size(); }
    std::vector<Outcome> outcomes() const;
    const LogFold& fold() const { return fold_; }

    /// The reconciler's replay, with keys, finds nothing; views made by a projector that starts
    /// where the killed ones left off say what the log says.
    void check_replay();
    void check_views();

    const Deployment& deployment() const { return deployment_.deployment; }
    const EpochKeys& keys() const { return keys_; }
    std::filesystem::path log_directory() const { return directory_.path() / "log"; }
    std::filesystem::path view_directory() const { return directory_.path() / "views"; }

private:
    void choose_death(DriverProcess& life);
    /// Returns the acknowledgements that say something new.
    std::vector<Acknowledgement> take(const DriverProcess& life);
    void look_at_log(const DriverProcess& life, const std::vector<Acknowledgement>& news);

    Options options_;
    std::mt19937_64 random_;
    TemporaryDirectory directory_;
    NewDeployment deployment_;
    EpochKeys keys_;
    std::unique_ptr<BatchSource> source_;
    /// What was told of a member, and where that stands in the log.
    struct Told {
        Outcome outcome;
        std::uint64_t record;
        friend bool operator==(const Told&, const Told&) = default;
    };
    std::vector<std::vector<Told>> told_;  // by batch and member
    std::uint64_t known_ = 0;              // members in told_
    LogFold fold_;
    std::size_t within_commit_ = 0;
};

}  // namespace vouch::test
