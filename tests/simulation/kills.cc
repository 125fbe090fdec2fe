#include "tests/simulation/kills.h"

#include "tests/command-handler/handler_rig.h"
#include "tests/command-handler/mixed_load.h"
#include "tests/simulation/kill_campaign.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace vouch::test {
namespace {

struct Undisturbed {
    std::vector<Outcome> outcomes;
    std::string books;
};

Undisturbed play_undisturbed(std::uint64_t seed, std::uint64_t batches) {
    const MixedLoad load(seed, true);
    HandlerRig rig(1, true);
    rig.start();
    Undisturbed result;
    for (std::uint64_t b = 0; b < batches; ++b) {
        const Offset offset = rig.send_bytes(load.batch(b));
        for (const Answered& each : rig.answers.wait(kShard0, offset, load.size(b)))
            result.outcomes.push_back(each.outcome);
    }
    rig.stop();
    LogFold folded(rig.deployment, rig.keys);
    folded.read(rig.log);
    result.books = folded.books();
    return result;
}

/// How much more often than asked a shard is killed until enough of it is within commits.
constexpr std::size_t kKillsFactorMax = 4;

}  // namespace

void survive_kills(const Kills& kills) {
    CAPTURE(kills.seed);
    KillCampaign::Options options;
    options.seed = kills.seed;
    options.source = (kills.test_clock ? "mixed-clock:" : "mixed:") + std::to_string(kills.seed);
    options.test_clock = kills.test_clock;
    options.follows = kills.follows;
    options.new_answers_max = kills.new_answers_max;
    KillCampaign campaign(options);
    std::size_t done = 0;
    const auto is_enough = [&] {
        return done >= kills.kills && campaign.kills_within_commit() >= kills.within_commit_min;
    };
    // A machine with much else to do is killed more often outside of commits: then it takes more.
    for (; !is_enough() && done < kKillsFactorMax * kills.kills; ++done) campaign.kill_once();
    MESSAGE(done << " kills, " << campaign.kills_within_commit() << " within a commit, "
                        << campaign.batches_begun() << " batches, "
                        << campaign.fold().outcomes.size() << " ids");
    CHECK(campaign.kills_within_commit() >= kills.within_commit_min);
    campaign.finish(campaign.batches_begun() + 3);
    campaign.check_replay();
    campaign.check_views();
    if (!kills.test_clock) return;
    const Undisturbed expected = play_undisturbed(kills.seed, campaign.batches_begun());
    CHECK((campaign.outcomes() == expected.outcomes));
    CHECK((campaign.fold().books() == expected.books));
}

}  // namespace vouch::test
