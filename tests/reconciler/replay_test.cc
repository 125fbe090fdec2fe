#include <doctest/doctest.h>

#include <string>

#include "reconciler/replay.h"
#include "tests/reconciler/played_log.h"

namespace {

using namespace vouch;
using namespace vouch::test;

TEST_CASE("replay: what the command handler writes is clean, whatever is asked of it") {
    for (std::uint64_t seed = 1; seed <= 24; ++seed) {
        CAPTURE(seed);
        const SealedDeployment sealed = make_sealed_deployment(seed % 3 == 0 ? 3 : 1);
        RecordList records = make_busy_log(sealed, seed, 400);
        const reconciler::ReplayReport report = replay_list(records, sealed);
        CHECK(text_of_findings(report) == "");
        CHECK(report.trial_balance.is_even());
        CHECK(report.events > 100);
    }
}

}  // namespace
