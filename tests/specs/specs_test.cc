#include "tests/specs/spec_runner.h"
#include "tests/support/core_adapter.h"
#include "tests/support/handler_adapter.h"
#include "tests/support/ledger.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace vouch::test;

std::vector<std::filesystem::path> tables() {
    std::vector<std::filesystem::path> paths;
    for (const auto& file : std::filesystem::directory_iterator(VOUCH_SPECS)) {
        if (file.path().extension() == ".spec") paths.push_back(file.path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

void play_all(const std::function<std::unique_ptr<Ledger>()>& make) {
    REQUIRE(tables().size() >= 10);
    for (const auto& path : tables()) {
        const std::unique_ptr<Ledger> ledger = make();
        for (const std::string& finding : run_spec(*ledger, read_spec(path))) {
            const std::string where = path.filename().string() + " " + finding;
            FAIL_CHECK(where);
        }
    }
}

}  // namespace

TEST_CASE("specs: the model does what the tables say") {
    play_all([] { return std::make_unique<ModelLedger>(); });
}

TEST_CASE("specs: the decision core does what the tables say") {
    play_all([] { return make_core_ledger(); });
}

TEST_CASE("specs: the command handler does what the tables say") {
    play_all([] { return make_handler_ledger(); });
}

TEST_CASE("specs: a table that is wrong is found out") {
    ModelLedger ledger;
    const std::vector<std::string> findings =
        run_spec(ledger,
                 "open a EUR debit-normal   opened\n"
                 "open b EUR credit-normal  opened\n"
                 "transfer t a -> b 1.00 EUR  insufficient_funds\n"
                 "balance b posted 1.01\n"
                 "transfer u b -> a 2.00 EUR  insufficient_funds(available 2.00)\n"
                 "trial debits 2.00\n"
                 "hold_state h open\n");
    CHECK(findings.size() == 5);
}
