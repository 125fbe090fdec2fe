#include "tests/support/text_of_file.h"
#include "tests/web/served.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

// A block of a view's file is changed on the disk. The question that meets it gets no answer,
// everybody is told, and the next start makes the view again.

namespace {

using namespace vouch::test;
using nlohmann::json;
namespace fs = std::filesystem;

constexpr int kTransfers = 3'000;  // so that outcomes stand in several blocks of a view
constexpr int kAskedEvery = 5;

std::string transfers() {
    std::string lines;
    for (int i = 0; i < kTransfers; ++i) {
        lines += R"({"id":"p)" + std::to_string(i) +
                 R"(","transfer":{"debit":"alice","credit":"bob","amount":"0.01"}})" + "\n";
    }
    return lines;
}

/// One bit of a command's row in the first half of them: no opening reads it, and the block behind
/// all of them, which each question for an outcome reads, is another one.
void damage(const fs::path& view) {
    fs::path largest;
    for (const fs::directory_entry& file : fs::directory_iterator(view / "db")) {
        if (file.path().extension() != ".sst") continue;
        if (largest.empty() || fs::file_size(file) > fs::file_size(largest)) largest = file.path();
    }
    REQUIRE(!largest.empty());
    std::string whole = text_of_file(largest);
    constexpr std::string_view kOfLedger0("\x20\0\0\0\0", 5);  // row_key.h
    std::vector<std::size_t> rows;  // those of which the key stands there whole
    for (std::size_t at = 0; (at = whole.find(kOfLedger0, at)) != std::string::npos; ++at)
        rows.push_back(at);
    REQUIRE(rows.size() > 8);
    whole[rows[rows.size() / 4] + kOfLedger0.size()] ^= 1;
    REQUIRE(
        std::ofstream(largest, std::ios::binary).write(whole.data(), std::ssize(whole)).flush());
}

std::string outcome_of(const std::string& url, int transfer) {
    Peer peer(url);
    REQUIRE(peer.send(get_request("/v1/outcomes/p" + std::to_string(transfer))));
    return peer.read_answers(1).at(0);
}

std::string ask(const std::string& url, const std::string& target) {
    Peer peer(url);
    REQUIRE(peer.send(get_request(target)));
    return peer.read_answers(1).at(0);
}

/// What /readyz says once the views have the newest mark, too.
std::string await_ready(const std::string& url) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (true) {
        const std::string ready = ask(url, "/readyz");
        if (verdict_of(ready) == "200" || std::chrono::steady_clock::now() > until)
            return body_of(ready);
    }
}

}  // namespace

TEST_CASE("damaged view: an alarm for all to see, and made again at the next start") {
    Served first;
    const Program& program = first.program();
    const std::string books = program.books().string();
    REQUIRE(verdict_of(first.post(kSmallBooks + transfers())) == "200");
    REQUIRE(verdict_of(first.get("/v1/outcomes/p0?at_least=end")) == "200");
    REQUIRE(first.stop() == 0);
    damage(program.books() / "views" / "0");

    const fs::path err = program.home() / "err";
    RunningProgram damaged(program, {"serve", "--data", books}, {.limits = {}, .err = err});
    const std::string url = damaged.read_line();
    REQUIRE(url.starts_with("http://"));
    CHECK(await_ready(url) == "ready\n");
    int unanswered = 0;
    for (int i = 0; i < kTransfers; i += kAskedEvery) {
        const std::string verdict = verdict_of(outcome_of(url, i));
        if (verdict == "500 views-failed") ++unanswered;
        else REQUIRE(verdict == "200");
    }
    CHECK(unanswered > 0);
    CHECK(unanswered < kTransfers / kAskedEvery);

    const std::string alarm = "ALARM: the view of shard 0 is damaged: ";
    const std::string ready = await_ready(url);
    CHECK(ready.find("ready\n" + alarm) == 0);
    CHECK(ready.find(".sst") != std::string::npos);
    const json status = json::parse(body_of(ask(url, "/status")));
    CHECK(status["ready"] == true);
    CHECK(status["shards"][0]["view"] == "running");
    CHECK(status["shards"][0]["view_damage"].get<std::string>().find(".sst") != std::string::npos);
    const ProgramResult told = program.run({"status", "--data", books});
    CHECK(told.exit == 1);
    CHECK(told.out.find(alarm) != std::string::npos);
    // It looks, beside the server, and changes nothing.
    CHECK(program.run({"replay", "--views", "--data", books}).out.find("view_unreadable") !=
          std::string::npos);
    damaged.terminate();
    CHECK(damaged.wait() == 0);
    CHECK(count_of(text_of_file(err), alarm) == 1);

    RunningProgram again(program, {"serve", "--data", books}, {.limits = {}, .err = err});
    const std::string new_url = again.read_line();
    REQUIRE(new_url.starts_with("http://"));
    CHECK(text_of_file(err).find("ALARM: the view of shard 0 was damaged (") != std::string::npos);
    CHECK(verdict_of(ask(new_url, "/v1/outcomes/p0?at_least=end")) == "200");
    for (int i = 0; i < kTransfers; i += kAskedEvery)
        REQUIRE(verdict_of(outcome_of(new_url, i)) == "200");
    CHECK(await_ready(new_url) == "ready\n");
    const auto is_aside = [](const fs::directory_entry& entry) {
        return entry.path().filename().string().starts_with("0.damaged-20");
    };
    CHECK(std::count_if(fs::directory_iterator(program.books() / "views"),
                        fs::directory_iterator(), is_aside) == 1);
    again.terminate();
    CHECK(again.wait() == 0);
    CHECK(program.run({"replay", "--views", "--data", books}).exit == 0);
}
