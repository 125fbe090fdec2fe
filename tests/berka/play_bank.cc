#include "tests/berka/play_bank.h"

#include "events/log/embedded/embedded_log.h"
#include "tests/berka/bank_books.h"
#include "tests/berka/bank_rows.h"
#include "tests/simulation/kill_campaign.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <string>

namespace vouch::test {

void play_bank(const char* source, std::size_t kills) {
    const TemporaryDirectory directory;
    const auto csv = unpack_bank_rows(directory.path());
    if (!csv) return;
    const BankLoad load(read_bank_rows(*csv));
    REQUIRE(load.rows().size() == kBankRows);
    REQUIRE(load.accounts().size() == kBankAccounts);
    KillCampaign::Options options;
    options.seed = 1994;
    options.source = std::string(source) + ":" + csv->string();
    options.follows = kills > 0;
    // So that the kills spread over all rows.
    if (kills > 0) options.new_answers_max = 2 * kBankRows / kills;
    KillCampaign campaign(options);
    for (std::size_t i = 0; i < kills; ++i) campaign.kill_once();
    if (kills > 0)
        MESSAGE(kills << " kills, " << campaign.kills_within_commit() << " within a commit");
    campaign.finish(load.batches());
    campaign.check_replay();
    EmbeddedLogOptions reading;
    reading.directory = campaign.log_directory().string();
    const auto log = EmbeddedLogReader::open(reading);
    REQUIRE(log.has_value());
    check_bank_events(**log, campaign.deployment(), load.rows());
    check_bank_views(**log, campaign.deployment(), campaign.keys(), campaign.view_directory(),
                     load.rows());
}

}  // namespace vouch::test
