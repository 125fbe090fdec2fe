#include "tests/simulation/kills.h"

#include "tests/simulation/kill_campaign.h"

#include <doctest/doctest.h>

using namespace vouch::test;

TEST_CASE(
    "kills: 20 at random moments, a projector in the process; every command has one outcome") {
    survive_kills({.seed = 1, .kills = 20});
}

TEST_CASE("kills: 10 under the machine's clock" * doctest::test_suite("same-threads")) {
    survive_kills({.seed = 2, .kills = 10, .test_clock = false, .follows = false});
}

TEST_CASE("kills: a second process on the same data is refused, and harms nothing") {
    KillCampaign::Options options;
    options.source = "mixed:5";
    KillCampaign campaign(options);
    campaign.refuse_second();
    campaign.kill_once();
    campaign.finish(campaign.batches_begun() + 1);
    campaign.check_replay();
}
