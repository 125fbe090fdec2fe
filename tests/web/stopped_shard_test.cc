#include "tests/support/small_segments.h"
#include "tests/support/text_of_file.h"
#include "tests/support/transfer_line.h"
#include "tests/web/served.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

// One shard of four reads back what somebody has changed in the log's file, while it is served. The
// other three take commands and answer, and everybody is told which has stopped and why.

namespace {

using namespace vouch::test;
using nlohmann::json;
namespace fs = std::filesystem;

/// The accounts of an owner share a shard.
std::string opening(const std::string& owner) {
    const auto open = [&](const std::string& account, const std::string& more) {
        return R"({"id":"open )" + owner + account + R"(","open_account":{"account":")" + owner +
               "~" + account + R"(","asset":"EUR/2",)" + more + "}}\n";
    };
    return open("cash", R"("class":"asset","limit":"unlimited")") +
           open("purse", R"("class":"liability")");
}

std::string payment(const std::string& id, const std::string& from, const std::string& to) {
    return transfer_line(id, from + "~cash", to + "~purse");
}

/// Changes or puts back one letter of a command's id where the log has it.
void flip(const fs::path& log, const std::string& id) {
    for (const fs::directory_entry& file : fs::directory_iterator(log)) {
        const std::string text = text_of_file(file.path());
        const std::size_t found = text.find(id.substr(1));
        if (found == std::string::npos) continue;
        const std::size_t at = found - 1;
        std::fstream bytes(file.path(), std::ios::binary | std::ios::in | std::ios::out);
        bytes.seekp(static_cast<std::streamoff>(at));
        bytes.put(static_cast<char>(text[at] ^ 1));
        REQUIRE(bytes.flush().good());
        return;
    }
    FAIL("the id is in no segment");
}

/// What was asked for, in lines of JSON.
std::vector<json> objects_of(const std::string& body) {
    std::vector<json> lines;
    for (std::size_t at = 0; at < body.size();) {
        const std::size_t end = body.find('\n', at);
        lines.push_back(json::parse(body.substr(at, end - at)));
        at = end + 1;
    }
    return lines;
}

}  // namespace

TEST_CASE("stopped shard: a server goes on with the others, and says which has stopped and why") {
    Served served({"--shards", "4"});
    const Program& program = served.program();
    const std::string books = program.books().string();
    std::map<int, std::string> owners;  // by shard
    for (int i = 0; owners.size() < 4; ++i) {
        const std::string owner = "u" + std::to_string(i);
        const auto told = objects_of(body_of(served.post(opening(owner))));
        owners.emplace(told.at(0)["shard"].get<int>(), owner);
    }
    constexpr int kBad = 2;
    const std::string& bad = owners.at(kBad);
    const std::string& good = owners.at(0);
    const std::string old = payment("an old payment", bad, bad);
    REQUIRE(body_of(served.post(old)).find("posted") != std::string::npos);
    REQUIRE(verdict_of(served.get("/v1/outcomes/an%20old%20payment?at_least=end")) == "200");
    flip(program.books() / "log", "an old payment");

    const std::string stops = served.post(old, "application/json");
    CHECK(verdict_of(stops) == "503 shard-stopped");
    const json problem = json::parse(body_of(stops));
    CHECK(problem["type"] == "urn:vouch:problem:shard-stopped");
    CHECK(problem["status"] == 503);
    CHECK(problem["shard"] == kBad);
    const std::string why = "shard 2 has stopped: shard 2 record ";
    CHECK(problem["detail"].get<std::string>().find(why) == 0);

    // Lines of one request: what can be done is.
    std::string mixed;
    for (const auto& [shard, owner] : owners)
        mixed += payment("to itself " + std::to_string(shard), owner, owner);
    mixed += payment("to the bad one", good, bad);
    mixed += payment("between good ones", good, owners.at(1));
    const std::string answer = served.post(mixed);
    CHECK(verdict_of(answer) == "200");
    const std::vector<json> told = objects_of(body_of(answer));
    REQUIRE(told.size() == 6);
    for (const std::size_t i : {0U, 1U, 3U, 5U}) {
        CAPTURE(i);
        CHECK(told[i]["outcome"] == "posted");
    }
    for (const std::size_t i : {2U, 4U}) {
        CAPTURE(i);
        CHECK(told[i]["problem"] == "urn:vouch:problem:shard-stopped");
        CHECK(told[i]["shard"] == kBad);
        CHECK(told[i]["recorded"] == "no");
        CHECK(told[i]["detail"].get<std::string>().find(why) == 0);
    }
    CHECK(told[4]["id"] == "to the bad one");
    // What it recorded before is not said to be unrecorded.
    const json repeat = objects_of(body_of(served.post(old))).at(0);
    CHECK(repeat["recorded"] == "unknown");
    CHECK(repeat["detail"].get<std::string>().find("may be recorded or not") != std::string::npos);
    // An id that it has seen is not taken elsewhere, and what it may know is not said to be
    // unknown.
    const json stolen = json::parse(
        body_of(served.post(payment("an old payment", good, good), "application/json")));
    CHECK(stolen["type"] == "urn:vouch:problem:shard-stopped");
    const json reversal = json::parse(body_of(served.post(
        R"({"id":"r","reverse":{"entry":"an old payment"}})", "application/json")));
    CHECK(reversal["type"] == "urn:vouch:problem:shard-stopped");
    const json unknown = json::parse(body_of(
        served.post(R"({"id":"r","reverse":{"entry":"nobody's"}})", "application/json")));
    CHECK(unknown["outcome"] == "entry_not_found");

    // Old records are read by a thread of its own, which finds the changed one in its own time.
    const std::string found = "\nvouch_shard_findings{shard=\"2\"} 1\n";
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    std::string metrics;
    while (count_of(metrics, found) == 0 && std::chrono::steady_clock::now() < until)
        metrics = body_of(served.get("/metrics"));
    const std::string ready = served.get("/readyz");
    CHECK(verdict_of(ready) == "200");
    CHECK(body_of(ready).find("ready\n" + why) == 0);
    const json status = json::parse(body_of(served.get("/status")));
    CHECK(status["ready"] == true);
    CHECK(status["shards"][0]["handler"] == "running");
    CHECK(status["shards"][kBad]["handler"] == "stopped");
    CHECK(status["shards"][kBad]["handler_fault"].get<std::string>().find("shard 2 record ") == 0);
    CHECK(status["shards"][kBad]["view"] == "running");
    CHECK(count_of(metrics, found) == 1);
    CHECK(count_of(metrics, "\nvouch_ready 1\n") == 1);
    CHECK(count_of(metrics, "vouch_shard_up{shard=\"2\",part=\"handler\"} 0\n") == 1);
    CHECK(count_of(metrics, "vouch_shard_up{shard=\"2\",part=\"view\"} 1\n") == 1);
    CHECK(count_of(metrics, "vouch_shard_up{shard=\"0\",part=\"handler\"} 1\n") == 1);
    CHECK(count_of(metrics, "\nvouch_shard_stopped_info{") == 1);
    CHECK(count_of(metrics, "{shard=\"2\",part=\"handler\",reason=\"corrupt\"} 1\n") == 1);
    CHECK(count_of(metrics, "an old payment") == 0);
    // What a stopped shard has under way is not known.
    CHECK(count_of(metrics, "\nvouch_commands_in_transit{shard=\"0\"} 0\n") == 1);
    CHECK(count_of(metrics, "\nvouch_commands_in_transit{shard=\"2\"}") == 0);
    const ProgramResult said = program.run({"status", "--data", books});
    CHECK(said.exit == 1);
    CHECK(said.out == body_of(ready));
    CHECK(program.run({"status", "--http", served.url(), "--json"}).out.find("{\"ready\":true") == 0);

    // Questions about it are answered as of where it stands; about a time after that it cannot say.
    CHECK(verdict_of(served.get("/v1/accounts/" + bad + "~purse/balance?at_least=end")) == "200");
    const json late = json::parse(body_of(served.get(
        "/v1/accounts/" + bad + "~purse/balance?at=2999-01-01T00:00:00Z&settled=true")));
    CHECK(late["type"] == "urn:vouch:problem:shard-stopped");
    // It may still write something before what the others have written since.
    const std::string ends_early = served.get("/v1/statement?page_size=1000&at_least=end");
    CHECK(ends_early.find("\r\nVouch-Settled: false\r\n") != std::string::npos);
    const json early = json::parse(body_of(ends_early));
    CHECK(early["settled"] == false);
    CHECK(early["postings"].size() < 2 * 5);
    CHECK_FALSE(early.contains("next"));
    const json of_one = json::parse(
        body_of(served.get("/v1/accounts/" + good + "~purse/statement?at_least=end")));
    CHECK_FALSE(of_one.contains("settled"));
    const ProgramResult statement = program.run({"statement", "--all", "--data", books});
    CHECK(statement.exit == 0);
    CHECK_MESSAGE(statement.err.find("not settled: the newest rows may be missing") !=
                      std::string::npos,
                  statement.err);
    const ProgramResult submitted = program.submit(mixed);
    CHECK(submitted.exit == 4);
    CHECK(submitted.lines().size() == 6);
    CHECK(submitted.err.find("2 lines have no outcome") != std::string::npos);

    CHECK(served.stop() == 1);
    CHECK(program.run({"status", "--data", books}).exit == 4);
    flip(program.books() / "log", "an old payment");
    RunningProgram again(program, {"serve", "--data", books});
    REQUIRE(!again.read_line().empty());
    const ProgramResult all = program.submit(old + mixed);
    CHECK(all.exit == 0);
    for (const std::string& line : all.lines()) CHECK(json::parse(line)["outcome"] == "posted");
    const ProgramResult whole = program.run({"status", "--data", books});
    CHECK(whole.exit == 0);
    CHECK(whole.out == "ready\n");
    again.terminate();
    CHECK(again.wait() == 0);
    CHECK(program.run({"replay", "--data", books}).exit == 0);
}

TEST_CASE("stopped shard: what waits for it is pending, until it works again") {
    Served served({"--shards", "2"});
    const Program& program = served.program();
    const std::string books = program.books().string();
    std::map<int, std::vector<std::string>> owners;  // by shard
    for (int i = 0; owners[0].empty() || owners[1].size() < 2; ++i) {
        const std::string owner = "u" + std::to_string(i);
        const auto told = objects_of(body_of(served.post(opening(owner))));
        owners[told.at(0)["shard"].get<int>()].push_back(owner);
    }
    CHECK(body_of(served.get("/v1/pending", "Accept: text/plain\r\n")) == "nothing is pending\n");
    const std::string& good = owners[0].at(0);
    const std::string& bad = owners[1].at(0);
    const std::string& other = owners[1].at(1);
    const std::string old = payment("an old payment", other, other);
    REQUIRE(body_of(served.post(old)).find("posted") != std::string::npos);
    REQUIRE(verdict_of(served.get("/v1/outcomes/an%20old%20payment?at_least=end")) == "200");
    flip(program.books() / "log", "an old payment");

    // Shard 1 meets the change by the first line. The others, which touch no account of it, are
    // sent with it, and are decided on shard 0 before anybody knows.
    constexpr std::size_t kCrossings = 10;
    std::string lines = old;
    for (std::size_t i = 0; i < kCrossings; ++i)
        lines += payment("crossing " + std::to_string(i), good, bad);
    REQUIRE(verdict_of(served.post(lines)) == "200");
    std::vector<json> rows;
    const std::string question = "/v1/pending?shard=1&reason=shard_stopped&page_size=3";
    std::string target = question + "&at_least=end";
    while (!target.empty()) {
        const json page = json::parse(body_of(served.get(target)));
        CHECK(page["not_covered"].empty());
        CHECK(page["as_of"].size() == 2);
        for (const json& row : page["pending"]) rows.push_back(row);
        const bool has_next = page.contains("next");
        if (has_next)
            CHECK(verdict_of(served.get("/v1/pending?cursor=" + page["next"].get<std::string>())) ==
                  "400 bad-parameter");
        target = has_next ? question + "&cursor=" + page["next"].get<std::string>() : "";
    }
    REQUIRE(rows.size() == kCrossings);
    for (std::size_t i = 0; i < kCrossings; ++i) {
        const json& row = rows[i];
        CHECK(row["id"] == "crossing " + std::to_string(i));
        CHECK(row["command"] == "transfer");
        CHECK(row["reason"] == "shard_stopped");
        CHECK(row["shard"] == 0);
        CHECK(row["waits_for"] == 1);
        CHECK(row["debit"] == good + "~cash");
        CHECK(row["credit"] == bad + "~purse");
        CHECK(row["amount"] == "1.00");
        CHECK(row["way_on"].get<std::string>().find("shard 1 has stopped (shard 1 record ") == 0);
    }
    for (const std::string none : {"reason=under_way", "reason=due", "older_than=1h"})
        CHECK(json::parse(body_of(served.get("/v1/pending?" + none)))["pending"].empty());
    for (const std::string wrong :
         {"shard=2", "reason=nothing", "older_than=1", "at=2026-01-01T00:00:00Z"})
        CHECK(verdict_of(served.get("/v1/pending?" + wrong)) == "400 bad-parameter");
    const auto pending = [&](const std::vector<std::string>& more) {
        std::vector<std::string> all = {"pending", "--data", books};
        all.insert(all.end(), more.begin(), more.end());
        return program.run(all);
    };
    const ProgramResult told = pending({});
    CHECK(told.exit == 0);
    CHECK(told.lines().size() == 1 + kCrossings + 2);
    CHECK(told.lines().back().find("shard_stopped: shard 1 has stopped") == 0);

    REQUIRE(served.stop() == 1);
    flip(program.books() / "log", "an old payment");
    const ProgramResult nobody = pending({"--json", "--reason", "not_served", "--ledger", "0"});
    CHECK(nobody.exit == 0);
    CHECK(nobody.lines().size() == kCrossings);
    CHECK(pending({"--reason", "shard_stopped"}).out == "nothing is pending\n");
    CHECK(pending({"--reason", "why"}).exit == 2);
    CHECK(pending({"--shard", "2"}).exit == 2);
    CHECK(pending({"--older-than", "5"}).exit == 2);
    RunningProgram again(program, {"serve", "--data", books});
    REQUIRE(!again.read_line().empty());
    const ProgramResult all = program.submit(lines);
    CHECK(all.exit == 0);
    for (const std::string& line : all.lines()) CHECK(json::parse(line)["outcome"] == "posted");
    CHECK(pending({}).out == "nothing is pending\n");
    again.terminate();
    CHECK(again.wait() == 0);
}

TEST_CASE("stopped shard: a view that cannot be made again stops the questions that need it alone") {
    Served served({"--shards", "2"});
    const Program& program = served.program();
    const std::string books = program.books().string();
    std::map<int, std::string> owners;  // by shard
    for (int i = 0; owners.size() < 2; ++i) {
        const std::string owner = "u" + std::to_string(i);
        const auto told = objects_of(body_of(served.post(opening(owner))));
        owners.emplace(told.at(0)["shard"].get<int>(), owner);
    }
    for (int i = 0; i < 20; ++i) {
        for (const auto& [shard, owner] : owners) {
            const std::string id = std::to_string(i) + " of shard " + std::to_string(shard);
            REQUIRE(verdict_of(served.post(payment(id, owner, owner))) == "200");
        }
    }
    REQUIRE(served.stop() == 0);
    write_in_small_segments(program.books() / "log", 2);
    flip(program.books() / "log", "0 of shard 0");
    fs::rename(program.books() / "views" / "0", program.home() / "view");
    const auto ask = [&](const std::string& what, const std::string& account) {
        return program.run({what, account, "--data", books});
    };
    const std::string& bad = owners.at(0);
    const std::string& good = owners.at(1);
    CHECK(ask("balance", good + "~purse").exit == 0);
    CHECK(ask("balance", bad + "~purse").exit == 1);

    const ProgramResult alone = program.run({"pending", "--data", books, "--json"});
    CHECK(alone.exit == 1);
    CHECK(alone.out.empty());
    CHECK(alone.err.find("shard 0 is not covered: shard 0 record ") != std::string::npos);
    const fs::path serving_err = program.home() / "serving.err";
    RunningProgram serving(program, {"serve", "--data", books}, {.limits = {}, .err = serving_err});
    REQUIRE(!serving.read_line().empty());
    CHECK(ask("balance", good + "~purse").exit == 0);
    for (const std::string what : {"account", "balance", "statement"}) {
        CAPTURE(what);
        const ProgramResult lost = ask(what, bad + "~purse");
        CHECK(lost.exit == 4);
        CHECK_MESSAGE(lost.err.find("the view of shard 0 has stopped: shard 0 record ") !=
                          std::string::npos,
                      lost.err);
        CHECK(ask(what, good + "~nobody").exit == 5);
        CHECK(ask(what, bad + "~nobody").exit == 4);
    }
    // What is pending is answered without it, and says so.
    const ProgramResult pending = program.run({"pending", "--data", books});
    CHECK(pending.exit == 1);
    CHECK(pending.out.find("nothing is pending on the shards that are covered\n"
                           "shard 0 is not covered: its view has stopped") == 0);
    const ProgramResult rows = program.run({"pending", "--data", books, "--json"});
    CHECK(rows.exit == 1);
    CHECK(rows.out.empty());
    CHECK(rows.err.find("shard 0 is not covered: its view has stopped: shard 0 record ") !=
          std::string::npos);
    // Both shards take commands: they start from snapshots that stand behind it.
    for (const std::string& owner : {bad, good})
        CHECK(program.submit(payment("later of " + owner, owner, owner)).exit == 0);
    serving.terminate();
    CHECK(serving.wait() == 0);
    const std::string alarms = text_of_file(serving_err);
    CHECK_MESSAGE(alarms.find("ALARM: a view has stopped: shard 0 record ") != std::string::npos,
                  alarms);
}
