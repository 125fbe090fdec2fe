// Lines whose outcome rests on earlier ones and on what other shards know: the same on any number
// of shards, and one outcome an id.
#include "tests/support/transfer_line.h"
#include "tests/tools/opened_books.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace vouch::test;
using nlohmann::json;

namespace {

std::string opening(const std::string& name, const std::string& more = "") {
    return "{\"id\":\"open " + name + "\",\"open_account\":{\"account\":\"" + name +
           "\",\"asset\":\"EUR/2\",\"class\":\"liability\"" + more + "}}\n";
}

const std::string kBank = opening("bank", ",\"limit\":\"unlimited\"");

}  // namespace

TEST_CASE(
    "submit: lines that no two shards decide together have the same outcomes on any number of "
    "shards") {
    std::string lines;
    std::mt19937 random(7);
    for (unsigned i = 0; i < 300; ++i) {
        const std::string name = "a" + std::to_string(random() % 12);
        const std::string id = std::to_string(i);
        switch (random() % 5) {
            case 0:
                lines += "{\"id\":\"" + id + "\",\"freeze_account\":{\"account\":\"" + name +
                         "\",\"block\":\"both\"}}\n";
                break;
            case 1:
                lines +=
                    "{\"id\":\"" + id + "\",\"close_account\":{\"account\":\"" + name + "\"}}\n";
                break;
            case 2:
                lines += "{\"id\":\"" + id + "\",\"place_hold\":{\"debit\":\"" + name +
                         "\",\"amount\":\"1\"}}\n";
                break;
            case 3:
                lines += "{\"id\":\"r" + id + "\",\"release_hold\":{\"hold\":\"" +
                         std::to_string(i - 1 - random() % 4) + "\"}}\n";
                break;
            case 4:
                lines +=
                    "{\"id\":\"" + id + "\",\"open_account\":{\"account\":\"" + name +
                    "\",\"asset\":\"EUR/2\",\"class\":\"liability\",\"limit\":\"unlimited\"}}\n";
                break;
        }
    }
    std::vector<std::vector<std::string>> results;
    for (const char* const shards : {"1", "2", "7"}) {
        const Program program;
        const ProgramResult result = program.submit(lines, {"--create", "--shards", shards});
        CHECK(result.exit == 0);
        results.push_back(short_outcomes(result));
        const Program patient;
        const ProgramResult one_by_one =
            patient.submit(lines, {"--create", "--shards", shards, "--one-at-a-time"});
        CHECK((short_outcomes(one_by_one) == results.back()));
        CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
    }
    std::set<std::string> kinds;
    for (const std::string& outcome : results[0]) kinds.insert(outcome.substr(outcome.find(' ')));
    CHECK(kinds.size() >= 6);
    CHECK((results[1] == results[0]));
    CHECK((results[2] == results[0]));
}

TEST_CASE("submit: who is paid only by a hold or an entry can use the money in the next line") {
    std::string before = kBank + opening("sink");
    std::string file;
    for (int i = 0; i < 40; ++i) {
        const std::string n = std::to_string(i);
        const std::string alice = "alice" + n;
        const std::string bob = "bob" + n;
        before += opening(alice) + opening(bob);
        before += transfer_line("fund " + n, "bank", bob) + transfer_line("sale " + n, bob, alice);
        before += "{\"id\":\"h " + n + "\",\"place_hold\":{\"debit\":\"bank\",\"credit\":\"" +
                  alice + "\",\"amount\":\"1.00\"}}\n";
        // A capture pays alice, who spends it all; a refund pays bob, who does so too.
        file += "{\"id\":\"c " + n + "\",\"capture_hold\":{\"hold\":\"h " + n +
                (i % 2 == 0 ? "\",\"account\":\"bank\"}}\n" : "\"}}\n");
        file += transfer_line("spend " + n, alice, "sink");
        file += "{\"id\":\"f " + n + "\",\"refund\":{\"entry\":\"sale " + n + "\"}}\n";
        file += transfer_line("out " + n, bob, "sink");
        file += "{\"id\":\"close " + n + "\",\"close_account\":{\"account\":\"" + bob + "\"}}\n";
    }
    for (const char* const shards : {"1", "4"}) {
        const Program program;
        CHECK(program.submit(before, {"--create", "--shards", shards, "--fail-on-refusal"}).exit ==
              0);
        const ProgramResult result = program.submit(file, {"--fail-on-refusal"});
        CAPTURE(result.out);
        CHECK(result.exit == 0);
        CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
    }
}

TEST_CASE("submit: a command on what nobody knows is not recorded, and its id stays free") {
    static constexpr const char* kEarly =
        R"({"id":"x","extend_hold":{"hold":"h","expires_in":"1h"}}
{"id":"c","capture_hold":{"hold":"h","amount":"0.50","keep_rest":true}}
{"id":"r","release_hold":{"hold":"h"}}
{"id":"f","refund":{"entry":"t","amount":"0.25"}}
{"id":"v","reverse":{"entry":"u"}}
{"id":"g","group":[{"id":"g1","transfer":{"debit":"bank","credit":"bank2","amount":"1.00"}},{"id":"g2","capture_hold":{"hold":"h"}}]}
)";
    for (const char* const shards : {"1", "4"}) {
        CAPTURE(shards);
        const Program program;
        const std::string accounts = kBank + opening("bank2") + opening("alice") + opening("shop");
        CHECK(program.submit(accounts, {"--create", "--shards", shards, "--fail-on-refusal"}).exit ==
              0);
        for (int i = 0; i < 2; ++i) {
            const ProgramResult early = program.submit(kEarly);
            CHECK(early.exit == 0);
            CHECK(short_outcomes(early) ==
                  std::vector<std::string>{"x hold_not_found", "c hold_not_found",
                                           "r hold_not_found", "f entry_not_found",
                                           "v entry_not_found", "g group_failed"});
            for (const std::string& line : early.lines())
                CHECK(json::parse(line)["recorded"] == false);
            CHECK(json::parse(early.lines().back())["failed"] == "g2");
            CHECK(json::parse(early.lines().back())["outcomes"][1]["outcome"] == "hold_not_found");
        }
        CHECK(program.run({"outcome", "c", "--data", program.books().string()}).exit == 5);
        const std::string made =
            transfer_line("t", "bank", "alice") + transfer_line("u", "bank", "shop") +
            "{\"id\":\"h\",\"place_hold\":{\"debit\":\"alice\",\"credit\":\"shop\","
            "\"amount\":\"0.75\",\"expires_in\":\"1h\"}}\n";
        CHECK(program.submit(made, {"--fail-on-refusal"}).exit == 0);
        // The honest retry, twice: one outcome each, and nothing happens twice.
        for (int i = 0; i < 2; ++i) {
            CHECK(short_outcomes(program.submit(kEarly)) ==
                  std::vector<std::string>{"x extended", "c captured", "r released", "f refunded",
                                           "v reversed", "g group_failed"});
            CHECK(available(program, "alice") == "0.25");
            CHECK(available(program, "shop") == "0.50");
        }
        const ProgramResult replayed = program.run({"replay", "--data", program.books().string()});
        CHECK(replayed.exit == 0);
        CHECK(replayed.out.find("observations") == std::string::npos);
    }
}

TEST_CASE("submit: an id is of one shard, whoever the payer is the second time") {
    const Program program;
    std::string accounts = kBank;
    for (int i = 0; i < 8; ++i)
        accounts += opening("p" + std::to_string(i), ",\"limit\":\"unlimited\"");
    CHECK(program.submit(accounts, {"--create", "--shards", "4", "--fail-on-refusal"}).exit == 0);
    const ProgramResult first = program.submit(transfer_line("t", "p0", "bank"));
    const json place = json::parse(first.out);
    CHECK(place["outcome"] == "posted");
    // In one stream and in another; alone and as a group's member.
    std::string others;
    for (int i = 1; i < 8; ++i) others += transfer_line("t", "p" + std::to_string(i), "bank");
    const ProgramResult again = program.submit(transfer_line("t", "p0", "bank") + others);
    std::size_t unrecorded = 0;
    for (const std::string& line : again.lines()) {
        const json outcome = json::parse(line);
        if (outcome["accepted"] == true) {
            CHECK(outcome["record"] == place["record"]);
            continue;
        }
        CHECK(outcome["outcome"] == "conflict");
        if (outcome["recorded"] == true) continue;  // that shard's own
        ++unrecorded;
        CHECK(outcome["recorded"] == false);
        CHECK(outcome["first"]["shard"] == place["shard"]);
        CHECK(outcome["first"]["record"] == place["record"]);
        CHECK(outcome["first"]["event"] == place["event"]);
    }
    CHECK(unrecorded >= 3);
    std::size_t groups_unrecorded = 0;
    for (int i = 0; i < 8; ++i) {
        const std::string name = "p" + std::to_string(i);
        const ProgramResult group = program.submit(
            "{\"id\":\"g" + name + "\",\"group\":[{\"id\":\"t\",\"transfer\":{\"debit\":\"" + name +
            "\",\"credit\":\"bank\",\"amount\":\"3.00\"}}]}\n");
        const json outcome = json::parse(group.out);
        CHECK(outcome["outcome"] == "group_failed");
        CHECK(outcome["outcomes"][0]["outcome"] == "conflict");
        if (outcome.contains("recorded")) ++groups_unrecorded;
    }
    CHECK(groups_unrecorded >= 3);
    const std::string books = program.books().string();
    const json told = json::parse(program.run({"outcome", "t", "--data", books, "--json"}).out);
    CHECK(told["shard"] == place["shard"]);
    CHECK(!told.contains("others"));
    CHECK(program.run({"replay", "--data", books}).out.find("clean: no findings\nrecords") == 0);
}

TEST_CASE("submit: a member that a failed group had first gets that outcome alone, on any shard") {
    const Program program;
    std::string accounts = kBank;
    std::string group = "{\"id\":\"g\",\"group\":[";
    for (int i = 0; i < 6; ++i) {
        const std::string name = "p" + std::to_string(i);
        accounts += opening(name);
        const std::string member = transfer_line("m" + name, name, "bank");
        group += (i == 0 ? "" : ",") + member.substr(0, member.size() - 1);
    }
    group += "]}\n";
    CHECK(program.submit(accounts, {"--create", "--shards", "4", "--fail-on-refusal"}).exit == 0);
    const json failed = json::parse(program.submit(group).out);
    CHECK(failed["outcome"] == "group_failed");
    for (std::size_t i = 0; i < 6; ++i) {
        const std::string name = "p" + std::to_string(i);
        const json alone = json::parse(program.submit(transfer_line("m" + name, name, "bank")).out);
        CHECK(alone["outcome"] == failed["outcomes"][i]["outcome"]);
    }
    const ProgramResult replayed = program.run({"replay", "--data", program.books().string()});
    CHECK(replayed.out.find("clean: no findings\nrecords") == 0);
}
