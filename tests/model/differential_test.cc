#include "tests/model/differential.h"

#include "tests/model/generator.h"
#include "tests/support/core_adapter.h"
#include "tests/support/handler_adapter.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <string>

namespace {

using namespace vouch;
using namespace vouch::test;

constexpr std::uint64_t kScenarios = 150;
constexpr std::uint64_t kHandlerScenarios = 15;
/// A shard that has not shown all its outcomes by then was not tested.
constexpr std::array kOneShardOutcomes = {
    Outcome::opened,
    Outcome::updated,
    Outcome::frozen,
    Outcome::unfrozen,
    Outcome::closed,
    Outcome::posted,
    Outcome::held,
    Outcome::extended,
    Outcome::captured,
    Outcome::released,
    Outcome::reversed,
    Outcome::refunded,
    Outcome::done,
    Outcome::conflict,
    Outcome::command_expired,
    Outcome::account_missing,
    Outcome::account_not_found,
    Outcome::account_exists,
    Outcome::wrong_account,
    Outcome::same_account,
    Outcome::asset_mismatch,
    Outcome::zero_amount,
    Outcome::unbalanced,
    Outcome::account_closed,
    Outcome::debits_frozen,
    Outcome::credits_frozen,
    Outcome::version_mismatch,
    Outcome::hold_not_found,
    Outcome::hold_closed,
    Outcome::hold_expired,
    Outcome::exceeds_hold,
    Outcome::entry_not_found,
    Outcome::already_reversed,
    Outcome::already_refunded,
    Outcome::refund_exceeds_payment,
    Outcome::not_zero,
    Outcome::in_use,
    Outcome::insufficient_funds,
    Outcome::amount_overflow,
    Outcome::group_failed,
};

/// Set VOUCH_SEED to play one scenario again, VOUCH_SCENARIOS to play more of them.
std::uint64_t setting(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::stoull(text);
}

void compare_with_model(const LedgerMaker& make, const GeneratorOptions& options,
                        std::uint64_t scenarios, Coverage& coverage) {
    const std::uint64_t first = setting("VOUCH_SEED", 1);
    const std::uint64_t count =
        std::getenv("VOUCH_SEED") != nullptr ? 1 : setting("VOUCH_SCENARIOS", scenarios);
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        const Scenario scenario = make_scenario(seed, options);
        const std::unique_ptr<Ledger> real = make();
        if (!find_difference(scenario, *real, &coverage)) continue;
        const std::string text = report(scenario, make);
        FAIL(text);
    }
}

}  // namespace

TEST_CASE("differential: the core decides every random command as the model does") {
    Coverage coverage;
    compare_with_model([] { return make_core_ledger(); }, GeneratorOptions{}, kScenarios, coverage);
    MESSAGE("outcomes:\n" << render(coverage));
    if (std::getenv("VOUCH_SEED") != nullptr) return;
    for (Outcome outcome : kOneShardOutcomes) {
        const std::string_view word = to_text(outcome);
        CAPTURE(word);
        CHECK(coverage[outcome] > 0);
    }
}

TEST_CASE("differential: a whole handler decides every random command as the model does") {
    Coverage coverage;
    compare_with_model([] { return make_handler_ledger(); }, GeneratorOptions{}, kHandlerScenarios,
                       coverage);
}

TEST_CASE("differential: commands in batches get the outcomes that they get one by one") {
    for (std::uint64_t seed = 1; seed <= kScenarios / 5; ++seed) {
        CAPTURE(seed);
        const Scenario scenario = make_scenario(seed, {.commands = 200, .batch_max = 30});
        const std::unique_ptr<Ledger> together = make_core_ledger();
        const std::unique_ptr<Ledger> alone = make_core_ledger();
        std::int64_t now_us = kSpecStartUs;
        for (const ScenarioBatch& batch : scenario.batches) {
            now_us += batch.after_us;
            const std::vector<Told> told = together->play(batch.commands, Timestamp(now_us));
            for (std::size_t i = 0; i < batch.commands.size(); ++i) {
                CHECK(told[i] == alone->play({&batch.commands[i], 1}, Timestamp(now_us)).front());
            }
            REQUIRE(together->books() == alone->books());
            REQUIRE(together->take_effects() == alone->take_effects());
        }
    }
}
