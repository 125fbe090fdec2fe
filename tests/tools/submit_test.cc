#include "tests/tools/program.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace vouch;
using nlohmann::json;
using test::Program;
using test::ProgramResult;
using test::RunningProgram;

namespace {

constexpr std::string_view kOpen =
    "{\"id\":\"o1\",\"open_account\":{\"account\":\"cash\",\"asset\":\"EUR/"
    "2\",\"class\":\"asset\",\"limit\":\"unlimited\"}}\n"
    "{\"id\":\"o2\",\"open_account\":{\"account\":\"alice\",\"asset\":\"EUR/"
    "2\",\"class\":\"liability\"}}\n";

std::string transfer(const std::string& id, const std::string& amount) {
    return "{\"id\":\"" + id +
           "\",\"transfer\":{\"debit\":\"cash\",\"credit\":\"alice\",\"amount\":\"" + amount +
           "\"}}\n";
}

/// "o1 opened", or "line 3 malformed amount".
std::vector<std::string> short_outcomes(const ProgramResult& result) {
    std::vector<std::string> all;
    for (const std::string& line : result.lines()) {
        const json outcome = json::parse(line);
        std::string text = outcome.contains("id")
                               ? outcome["id"].get<std::string>()
                               : "line " + std::to_string(outcome["line"].get<int>());
        text += " " + outcome["outcome"].get<std::string>();
        if (outcome.contains("field")) text += " " + outcome["field"].get<std::string>();
        all.push_back(text);
    }
    return all;
}

std::string available(const Program& program, const std::string& account) {
    const ProgramResult result =
        program.run({"balance", account, "--data", program.books().string(), "--json"});
    REQUIRE(result.exit == 0);
    return json::parse(result.out)["available"];
}

}  // namespace

TEST_CASE("submit: outcomes come in input order, one a line, malformed lines among them") {
    const Program program;
    const ProgramResult result =
        program.submit(std::string(kOpen) + "nonsense\n" + transfer("t1", "1.00") + "\n   \n" +
                           transfer("t2", "1.005") + "{\"wait\":true}\n" + transfer("t1", "2.00") +
                           transfer("t3", "0.00") + "{\"id\":\"x\"}",
                       {"--create"});
    CHECK(result.exit == 2);
    CHECK(short_outcomes(result) ==
          std::vector<std::string>{"o1 opened", "o2 opened", "line 3 malformed ", "t1 posted",
                                   "line 7 malformed amount", "t1 conflict", "t3 zero_amount",
                                   "line 11 malformed "});
    CHECK(available(program, "alice") == "1.00");
}

TEST_CASE("submit: refusals are no failure unless asked for") {
    const Program program;
    const std::string lines =
        std::string(kOpen) +
        "{\"id\":\"t\",\"transfer\":{\"debit\":\"alice\",\"credit\":\"cash\",\"amount\":\"1\"}}\n";
    CHECK(program.submit(lines, {"--create"}).exit == 0);
    CHECK(program.submit(lines, {"--fail-on-refusal"}).exit == 5);
    CHECK(program.submit(lines + "{}\n", {"--fail-on-refusal"}).exit == 2);
}

TEST_CASE("submit: an outcome is there before the next line is written") {
    const Program program;
    RunningProgram running(program,
                           {"submit", "-", "--data", program.books().string(), "--create"});
    running.write(std::string(kOpen));
    CHECK(json::parse(running.read_line())["id"] == "o1");
    CHECK(json::parse(running.read_line())["id"] == "o2");
    // Half a line waits for its other half; malformed lines do not wait for anybody.
    running.write("{\"id\":\"t1\",\"transfer\":{\"debit\":\"cash\",");
    running.write("\"credit\":\"alice\",\"amount\":\"1.00\"}}\n");
    CHECK(json::parse(running.read_line())["outcome"] == "posted");
    running.write("nonsense\n");
    CHECK(json::parse(running.read_line())["line"] == 4);

    SUBCASE("and questions are answered beside it, replay and export too") {
        CHECK(available(program, "alice") == "1.00");
        CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
        const std::string archive = (program.home() / "a.archive").string();
        CHECK(program.run({"export", archive, "--data", program.books().string()}).exit == 0);
        running.write(transfer("t2", "0.50"));
        CHECK(json::parse(running.read_line())["outcome"] == "posted");
        CHECK(available(program, "alice") == "1.50");
    }
    SUBCASE("and a second writer is told that somebody has the books") {
        const ProgramResult second = program.submit(transfer("t2", "1.00"));
        CHECK(second.exit == 4);
        CHECK(second.out.empty());
        CHECK(second.err.find("vouch: ") == 0);
    }
    SUBCASE("and what was answered survives the process") {
        running.kill();
        CHECK(running.wait() == 128 + 9);
        CHECK(available(program, "alice") == "1.00");
        // Sent again, it is answered as before and happens once.
        const ProgramResult again = program.submit(std::string(kOpen) + transfer("t1", "1.00"));
        CHECK(again.exit == 0);
        CHECK(short_outcomes(again) ==
              std::vector<std::string>{"o1 opened", "o2 opened", "t1 posted"});
        CHECK(available(program, "alice") == "1.00");
        CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
        return;
    }
    running.close_input();
    CHECK(running.wait() == 2);
}

TEST_CASE("submit: thousands of lines, killed on the way and sent again, happen once") {
    const Program program;
    constexpr int kTransfers = 70'000;
    std::string lines(kOpen);
    for (int i = 0; i < kTransfers; ++i) lines += transfer("t" + std::to_string(i), "0.01");
    const std::filesystem::path file = program.home() / "lines.ndjson";
    std::ofstream(file) << lines;
    {
        RunningProgram running(
            program, {"submit", file.string(), "--data", program.books().string(), "--create"});
        for (int i = 0; i < 2'000; ++i) REQUIRE(!running.read_line().empty());
        running.kill();
        running.wait();
    }
    const ProgramResult again =
        program.run({"submit", file.string(), "--data", program.books().string()});
    CHECK(again.exit == 0);
    const std::vector<std::string> outcomes = short_outcomes(again);
    REQUIRE(outcomes.size() == kTransfers + 2);
    CHECK(outcomes.back() == "t" + std::to_string(kTransfers - 1) + " posted");
    CHECK(available(program, "alice") == "700.00");
    CHECK(program.run({"replay", "--views", "--data", program.books().string()}).exit == 0);
}

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

namespace {

std::string opening(const std::string& name, const std::string& more = "") {
    return "{\"id\":\"open " + name + "\",\"open_account\":{\"account\":\"" + name +
           "\",\"asset\":\"EUR/2\",\"class\":\"liability\"" + more + "}}\n";
}

std::string payment(const std::string& id, const std::string& from, const std::string& to) {
    return "{\"id\":\"" + id + "\",\"transfer\":{\"debit\":\"" + from + "\",\"credit\":\"" + to +
           "\",\"amount\":\"1.00\"}}\n";
}

const std::string kBank = opening("bank", ",\"limit\":\"unlimited\"");

}  // namespace

TEST_CASE("submit: who is paid only by a hold or an entry can use the money in the next line") {
    std::string before = kBank + opening("sink");
    std::string file;
    for (int i = 0; i < 40; ++i) {
        const std::string n = std::to_string(i);
        const std::string alice = "alice" + n;
        const std::string bob = "bob" + n;
        before += opening(alice) + opening(bob);
        before += payment("fund " + n, "bank", bob) + payment("sale " + n, bob, alice);
        before += "{\"id\":\"h " + n + "\",\"place_hold\":{\"debit\":\"bank\",\"credit\":\"" +
                  alice + "\",\"amount\":\"1.00\"}}\n";
        // A capture pays alice, who spends it all; a refund pays bob, who does so too.
        file += "{\"id\":\"c " + n + "\",\"capture_hold\":{\"hold\":\"h " + n +
                (i % 2 == 0 ? "\",\"account\":\"bank\"}}\n" : "\"}}\n");
        file += payment("spend " + n, alice, "sink");
        file += "{\"id\":\"f " + n + "\",\"refund\":{\"entry\":\"sale " + n + "\"}}\n";
        file += payment("out " + n, bob, "sink");
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
            payment("t", "bank", "alice") + payment("u", "bank", "shop") +
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
    const ProgramResult first = program.submit(payment("t", "p0", "bank"));
    const json place = json::parse(first.out);
    CHECK(place["outcome"] == "posted");
    // In one stream and in another; alone and as a group's member.
    std::string others;
    for (int i = 1; i < 8; ++i) others += payment("t", "p" + std::to_string(i), "bank");
    const ProgramResult again = program.submit(payment("t", "p0", "bank") + others);
    std::size_t unrecorded = 0;
    for (const std::string& line : again.lines()) {
        const json outcome = json::parse(line);
        if (outcome["accepted"] == true) {
            CHECK(outcome["record"] == place["record"]);
            continue;
        }
        CHECK(outcome["outcome"] == "conflict");
        if (!outcome.contains("recorded")) continue;  // that shard's own
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
        const std::string member = payment("m" + name, name, "bank");
        group += (i == 0 ? "" : ",") + member.substr(0, member.size() - 1);
    }
    group += "]}\n";
    CHECK(program.submit(accounts, {"--create", "--shards", "4", "--fail-on-refusal"}).exit == 0);
    const json failed = json::parse(program.submit(group).out);
    CHECK(failed["outcome"] == "group_failed");
    for (std::size_t i = 0; i < 6; ++i) {
        const std::string name = "p" + std::to_string(i);
        const json alone = json::parse(program.submit(payment("m" + name, name, "bank")).out);
        CHECK(alone["outcome"] == failed["outcomes"][i]["outcome"]);
    }
    const ProgramResult replayed = program.run({"replay", "--data", program.books().string()});
    CHECK(replayed.out.find("clean: no findings\nrecords") == 0);
}

TEST_CASE("submit: a test clock moves by clock lines, and what is due expires") {
    const Program program;
    const std::string lines =
        "{\"clock\":\"2026-01-31T12:00:00Z\"}\n" + std::string(kOpen) + transfer("t1", "10.00") +
        "{\"id\":\"h1\",\"place_hold\":{\"debit\":\"alice\",\"amount\":\"4.00\",\"expires_in\":"
        "\"60s\"}}\n"
        "{\"id\":\"h2\",\"place_hold\":{\"debit\":\"alice\",\"amount\":\"5.00\"}}\n"
        "{\"clock\":\"2026-01-31T12:00:59.999999Z\"}\n"
        "{\"id\":\"r1\",\"transfer\":{\"debit\":\"alice\",\"credit\":\"cash\",\"amount\":\"2.00\"}}"
        "\n"
        "{\"clock\":\"2026-01-31T12:01:00Z\"}\n"
        "{\"id\":\"r2\",\"transfer\":{\"debit\":\"alice\",\"credit\":\"cash\",\"amount\":\"2.00\"}}"
        "\n"
        "{\"id\":\"c1\",\"capture_hold\":{\"hold\":\"h1\",\"credit\":\"cash\"}}\n"
        "{\"clock\":\"2026-01-01T00:00:00Z\"}\n";
    for (const char* const shards : {"1"}) {
        const ProgramResult result =
            program.submit(lines, {"--create", "--test-clock", "--shards", shards});
        CHECK(result.exit == 0);
        CHECK(short_outcomes(result) ==
              std::vector<std::string>{"o1 opened", "o2 opened", "t1 posted", "h1 held", "h2 held",
                                       "r1 insufficient_funds", "r2 posted", "c1 hold_expired"});
    }
    const std::string books = program.books().string();
    const ProgramResult then = program.run(
        {"balance", "alice", "--at", "2026-01-31T12:00:30Z", "--data", books, "--json"});
    CHECK(json::parse(then.out)["available"] == "1.00");
    CHECK(available(program, "alice") == "3.00");
    CHECK(program.run({"balance", "alice", "--at", "2026-01-31T11:59:59Z", "--data", books}).exit ==
          5);
    CHECK(program.run({"replay", "--data", books}).exit == 0);
}

TEST_CASE("submit: more lines than may be in flight, with outcomes read late") {
    const Program program;
    std::string lines(kOpen);
    for (int i = 0; i < 70'000; ++i) lines += "{\"clock\":1}\n";
    lines += transfer("t1", "1.00");
    const ProgramResult result = program.submit(lines, {"--create"});
    CHECK(result.exit == 2);
    const std::vector<std::string> outcomes = result.lines();
    REQUIRE(outcomes.size() == 70'003);
    CHECK(json::parse(outcomes.back())["outcome"] == "posted");
}

TEST_CASE("replay: an archive says what the log says, with keys and without") {
    const Program program;
    CHECK(program.submit(std::string(kOpen) + transfer("t1", "1.00"), {"--create", "--shards", "3"})
              .exit == 0);
    const std::string books = program.books().string();
    const std::string archive = (program.home() / "books.archive").string();
    CHECK(program.run({"export", archive, "--data", books}).exit == 0);
    CHECK(program.run({"export", archive, "--data", books}).exit == 3);

    const auto digest = [](const std::string& text) {
        return text.substr(text.find("state digest"));
    };
    const ProgramResult log = program.run({"replay", "--data", books});
    const ProgramResult with_keys = program.run({"replay", "--archive", archive, "--keys", books});
    const ProgramResult without = program.run({"replay", "--archive", archive});
    CHECK(log.exit == 0);
    CHECK(with_keys.exit == 0);
    CHECK(without.exit == 5);
    CHECK(without.out.starts_with("no findings, but without keys"));
    const ProgramResult lines = program.run({"replay", "--archive", archive, "--json"});
    CHECK(json::parse(lines.lines().back())["clean"] == false);
    CHECK(digest(with_keys.out) == digest(log.out));
    CHECK(with_keys.out.find("every record's MAC was checked") != std::string::npos);
    CHECK(without.out.find("NOT checked") != std::string::npos);
    CHECK(
        program.run({"replay", "--archive", archive, "--keys", (program.books() / "keys").string()})
            .exit == 0);

    std::filesystem::resize_file(archive, std::filesystem::file_size(archive) - 1);
    const ProgramResult cut = program.run({"replay", "--archive", archive, "--keys", books});
    CHECK(cut.exit == 1);
    CHECK(cut.out.find("NOT CLEAN") == 0);
}
