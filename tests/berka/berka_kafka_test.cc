#include "tests/berka/play_bank.h"
#include "tests/command-handler/sample_commands.h"
#include "tests/kafka/kafka_test_support.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

// The real bank over four shards on a real broker (tests/kafka).

namespace {

using namespace vouch;
using namespace vouch::test;

void play_bank_on_kafka(std::size_t times) {
    const auto load = load_bank();
    if (!load) return;
    const TemporaryDirectory directory;
    const NewDeployment made = make_deployment(4, false, Timestamp(1));
    const EpochKeys keys = make_test_keys(made.deployment);
    const KafkaLogOptions options = fresh_options(made.deployment.shards);
    REQUIRE(KafkaLog::create(options, made.bytes).has_value());
    {
        const std::unique_ptr<KafkaLog> log = open_kafka(options);
        play_waves(*log, made.deployment, keys, directory.path() / "shards", BankWaves(*load),
                   {.times = times, .is_final = {}});
    }
    const std::unique_ptr<KafkaLogReader> log = open_kafka_reader(options);
    check_bank(*log, made.deployment, keys, directory.path() / "views", *load);
}

}  // namespace

TEST_CASE("berka on kafka: every balance is reached over four shards") { play_bank_on_kafka(1); }

TEST_CASE("berka on kafka: the same when every command comes twice") { play_bank_on_kafka(2); }
