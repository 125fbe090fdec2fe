#include "events/money/ids.h"
#include "tests/support/named_ids.h"
#include "tests/tools/program.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

using namespace vouch;
using nlohmann::json;

namespace {

constexpr std::string_view kExample = R"(
{"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset","limit":"unlimited"}}
{"id":"o2","open_account":{"account":"alice","asset":"EUR/2","class":"liability"}}
{"id":"o3","open_account":{"account":"shop","asset":"EUR/2","class":"liability"},"actor":{"id":"ops-7"},"context":"onboarding-12"}
{"id":"t1","transfer":{"debit":"cash","credit":"alice","amount":"10.00"},"context":"order-7"}
{"id":"h1","place_hold":{"debit":"alice","credit":"shop","amount":"4.00","expires_in":"60s"}}
{"id":"c1","capture_hold":{"hold":"h1","amount":"3.00","keep_rest":false}}
{"id":"t3","transfer":{"debit":"alice","credit":"shop","amount":"1.00"}}
{"id":"t9","transfer":{"debit":"alice","credit":"shop","amount":"7.00"}}
{"id":"t1","transfer":{"debit":"cash","credit":"alice","amount":"10.00"},"context":"order-7"}
)";

constexpr std::string_view kRest = R"(
{"id":"o4","open_account":{"account":"fees","asset":"EUR/2","class":"income"}}
{"id":"o5","open_account":{"account":"shop:cash","asset":"EUR/2","class":"liability"}}
{"id":"t2","transfer":{"debit":"alice","credit":"shop","amount":"99.00","balancing":"debit"}}
{"id":"e1","post_entry":{"postings":[{"account":"shop","debit":"5.00"},{"account":"fees","credit":"0.03"},{"account":"shop:cash","credit":"4.97"}]}}
{"id":"r1","release_hold":{"hold":"h1"}}
{"id":"h2","place_hold":{"debit":"shop","amount":"2.00","expires_in":"60s"}}
{"id":"x1","extend_hold":{"hold":"h2","expires_in":"5m"}}
{"id":"f1","freeze_account":{"account":"alice","block":"debits"}}
{"id":"g1","group":[{"id":"t7","transfer":{"debit":"cash","credit":"alice","amount":"1.00"}},{"id":"c2","capture_hold":{"hold":"h1"}}]}
{"id":"g2","group":[{"id":"t8","transfer":{"debit":"cash","credit":"alice","amount":"1.00"}},{"id":"c3","capture_hold":{"hold":"h2","credit":"fees"}}]}
{"id":"v1","reverse":{"entry":"e1"}}
{"id":"v2","refund":{"entry":"t1","amount":"2.00"}}
{"id":"t10","transfer":{"debit":"cash","credit":"alice","amount":"1.001"}}
{"wait":true}
{"clock":"2026-01-31T23:59:59Z"}
)";

/// An outcome without where it was recorded, which is a matter of timing.
std::string without_place(const std::string& line) {
    json outcome = json::parse(line);
    for (const char* const key : {"shard", "record", "event"}) {
        CHECK(outcome.contains(key));
        outcome.erase(key);
    }
    return outcome.dump();
}

}  // namespace

TEST_CASE("vouch: the example of the design runs as it says") {
    const test::Program program;
    const test::ProgramResult first = program.submit(std::string(kExample), {"--create"});
    CHECK(first.exit == 0);
    const std::vector<std::string> expected = {
        R"({"id":"o1","accepted":true,"outcome":"opened"})",
        R"({"id":"o2","accepted":true,"outcome":"opened"})",
        R"({"id":"o3","accepted":true,"outcome":"opened"})",
        R"({"id":"t1","accepted":true,"outcome":"posted"})",
        R"({"id":"h1","accepted":true,"outcome":"held"})",
        R"({"id":"c1","accepted":true,"outcome":"captured"})",
        R"({"id":"t3","accepted":true,"outcome":"posted"})",
        R"({"id":"t9","accepted":false,"outcome":"insufficient_funds","account":"alice","available":"6.00"})",
        R"({"id":"t1","accepted":true,"outcome":"posted"})",
    };
    const std::vector<std::string> lines = first.lines();
    REQUIRE(lines.size() == expected.size());
    for (std::size_t i = 0; i < lines.size(); ++i)
        CHECK(without_place(lines[i]) == json::parse(expected[i]).dump());
    // A repeat is answered with the first outcome, place and all.
    CHECK(lines[8] == lines[3]);

    const test::ProgramResult balance =
        program.run({"balance", "alice", "--data", program.books().string(), "--json"});
    CHECK(balance.exit == 0);
    json alice = json::parse(balance.out);
    CHECK(alice["as_of"].contains("record"));
    CHECK(alice["as_of"]["shard"] == 0);
    const json expected_alice = json::parse(
        R"({"account":"alice","asset":"EUR/2","debits_posted":"4.00","credits_posted":"10.00",
            "debits_held":"0.00","credits_held":"0.00","available":"6.00","balance":"6.00","version":5,"state":"active"})");
    for (const auto& [key, value] : expected_alice.items()) {
        CAPTURE(key);
        CHECK(alice[key] == value);
    }

    const test::ProgramResult replay = program.run({"replay", "--data", program.books().string()});
    CHECK(replay.exit == 0);
    const test::ProgramResult trial =
        program.run({"trial-balance", "--data", program.books().string(), "--json"});
    CHECK(trial.exit == 0);
    const json totals = json::parse(trial.out);
    CHECK(totals["asset"] == "EUR/2");
    CHECK(totals["debits_posted"] == "14.00");
    CHECK(totals["credits_posted"] == "14.00");
}

TEST_CASE("vouch: the other commands of the example") {
    const test::Program program;
    CHECK(program.submit(std::string(kExample), {"--create"}).exit == 0);
    const test::ProgramResult rest = program.submit(std::string(kRest), {"--keep-going"});
    // Two lines are malformed; all others are done.
    CHECK(rest.exit == 2);
    const std::vector<std::string> expected = {
        R"({"id":"o4","accepted":true,"outcome":"opened"})",
        R"({"id":"o5","accepted":true,"outcome":"opened"})",
        R"({"id":"t2","accepted":true,"outcome":"posted","amount":"6.00"})",
        R"({"id":"e1","accepted":true,"outcome":"posted"})",
        R"({"id":"r1","accepted":false,"outcome":"hold_closed"})",
        R"({"id":"h2","accepted":true,"outcome":"held"})",
        R"({"id":"x1","accepted":true,"outcome":"extended"})",
        R"({"id":"f1","accepted":true,"outcome":"frozen"})",
        R"({"id":"g1","accepted":false,"outcome":"group_failed","failed":"c2","outcomes":[
            {"id":"t7","accepted":false,"outcome":"group_failed"},{"id":"c2","accepted":false,"outcome":"hold_closed"}]})",
        R"({"id":"g2","accepted":true,"outcome":"done","outcomes":[
            {"id":"t8","accepted":true,"outcome":"posted"},{"id":"c3","accepted":true,"outcome":"captured"}]})",
        R"({"id":"v1","accepted":true,"outcome":"reversed"})",
        // The line does not name it.
        R"({"id":"v2","accepted":false,"outcome":"debits_frozen","account":")" +
            id_text(test::account_named("alice")) + R"("})",
    };
    const std::vector<std::string> lines = rest.lines();
    REQUIRE(lines.size() == expected.size() + 2);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK(without_place(lines[i]) == json::parse(expected[i]).dump());
    }
    CHECK(
        lines[expected.size()] ==
        R"({"line":14,"accepted":false,"outcome":"malformed","field":"amount","detail":"at most 2 decimals for EUR/2"})");
    CHECK(
        lines[expected.size() + 1] ==
        R"({"line":16,"accepted":false,"outcome":"malformed","field":"clock","detail":"these books have no test clock"})");
    const std::string books = program.books().string();
    CHECK(program.run({"replay", "--data", books}).exit == 0);
    CHECK(program.run({"trial-balance", "--data", books}).exit == 0);
    // The views that the trial balance made agree with the log, row by row.
    const test::ProgramResult views = program.run({"replay", "--data", books, "--views"});
    CHECK(views.exit == 0);
    CHECK(views.out.find("views were compared") != std::string::npos);
}
