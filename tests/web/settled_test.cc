#include "tests/web/served.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

// Answers about a time, and pages that are followed while the books are written, over four shards.

namespace {

using namespace vouch::test;
using nlohmann::json;

std::string transfer(int i) {
    const std::string n = std::to_string(i);
    return R"({"id":"f)" + n + R"(","transfer":{"debit":"cash","credit":"p)" +
           std::to_string(i % 12) + R"(","amount":"1.00"}})" + "\n";
}

std::string pay(int i) {
    return R"({"id":"a)" + std::to_string(i) +
           R"(","transfer":{"debit":"alice","credit":"bob","amount":"1.00"}})" + "\n";
}

std::string open_payees() {
    std::string lines;
    for (int i = 0; i < 12; ++i) {
        lines += R"({"id":"op)" + std::to_string(i) + R"(","open_account":{"account":"p)" +
                 std::to_string(i) + R"(","asset":"EUR/2","class":"liability"}})" + "\n";
    }
    return lines;
}

}  // namespace

TEST_CASE("settled: every time that was is, soon, on shards that rest too; none that comes is") {
    Served served({"--shards", "4"});
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    const auto ask = [&](const std::string& target) {
        const std::string answer = served.get(target);
        CAPTURE(answer);
        REQUIRE(verdict_of(answer) == "200");
        const json body = json::parse(body_of(answer));
        const std::string field =
            std::string("\r\nVouch-Settled: ") + (body["settled"] == true ? "true" : "false");
        CHECK(answer.find(field) != std::string::npos);
        return body;
    };
    std::vector<std::pair<std::string, std::string>> answers;
    for (int i = 0; i < 20; ++i) {
        REQUIRE(verdict_of(served.post(pay(i))) == "200");
        const json posted =
            json::parse(body_of(served.get("/v1/accounts/alice/statement?at_least=end")));
        const std::string time = posted["postings"].back()["time"];
        for (const std::string path : {"/v1/accounts/alice/balance", "/v1/trial-balance",
                                       "/v1/balances", "/v1/statement"}) {
            const std::string target = path + "?at=" + time;
            const json settled = ask(target + "&settled=true");
            CHECK(settled["settled"] == true);
            answers.emplace_back(target, body_of(served.get(target)));
        }
    }
    const json future = ask("/v1/accounts/alice/balance?at=2099-01-01T00:00:00Z");
    CHECK(future["settled"] == false);
    CHECK(future["final"] == false);
    CHECK(verdict_of(served.get("/v1/trial-balance?at=2099-01-01T00:00:00Z&settled=true")) ==
          "503 not-settled");
    CHECK(verdict_of(served.get("/v1/trial-balance?settled=true")) == "400 bad-parameter");
    REQUIRE(verdict_of(served.post(pay(50))) == "200");
    for (const auto& [target, answer] : answers) {
        CHECK(body_of(served.get(target)) == answer);
    }
    CHECK(served.stop() == 0);
}

TEST_CASE("settled: a question about a time that is still to come writes nothing") {
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    const auto pay_and_place = [&](int i) {
        const std::string posted = body_of(served.post(pay(i)));
        return json::parse(posted)["record"].get<std::uint64_t>();
    };
    const std::uint64_t paid = pay_and_place(0);
    // The mark that the shard writes by itself once it rests; nobody has asked for one.
    const std::string at_least = "?at_least=0:" + std::to_string(paid + 1);
    REQUIRE(verdict_of(served.get("/v1/trial-balance" + at_least)) == "200");
    for (const std::string path : {"/v1/trial-balance", "/v1/accounts/alice/balance"}) {
        const std::string target = path + "?at=9999-01-01T00:00:00Z&settled=true";
        CHECK(verdict_of(served.get(target)) == "503 not-settled");
    }
    CHECK(pay_and_place(1) == paid + 2);
    CHECK(served.stop() == 0);
}

TEST_CASE("settled: who follows the pages while others write misses no row and gets none twice") {
    Served served({"--shards", "4"});
    REQUIRE(verdict_of(served.post(kSmallBooks + open_payees())) == "200");
    constexpr int kRequests = 60;
    constexpr int kLines = 20;
    std::atomic<bool> is_done{false};
    std::thread writer([&] {
        for (int request = 0; request < kRequests; ++request) {
            std::string lines;
            for (int i = 0; i < kLines; ++i) lines += transfer(request * kLines + i);
            served.post(lines);
        }
        is_done = true;
    });
    using Key = std::tuple<int, int, std::string, std::string>;
    std::set<Key> seen;
    std::size_t rows = 0;
    std::string cursor;
    const auto follow = [&] {
        std::size_t found = 0;
        while (true) {
            const std::string target = "/v1/statement?page_size=50&at_least=end" +
                                       (cursor.empty() ? "" : "&cursor=" + cursor);
            const json page = json::parse(body_of(served.get(target)));
            for (const json& row : page["postings"]) {
                ++found;
                seen.emplace(row["shard"], row["event"], row["side"], row["account"]);
            }
            if (page.contains("follow")) cursor = page["follow"];
            if (!page.contains("next")) return found;
        }
    };
    while (!is_done) rows += follow();
    writer.join();
    // Then the shards rest, and say so by a mark each.
    while (rows < std::size_t{2} * (1 + kRequests * kLines)) rows += follow();
    CHECK(rows == std::size_t{2} * (1 + kRequests * kLines));
    CHECK(seen.size() == rows);
    CHECK(served.stop() == 0);
}
