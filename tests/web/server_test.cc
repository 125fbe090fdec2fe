#include "tests/support/transfer_line.h"
#include "tests/web/served.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace vouch::test;
using nlohmann::json;

std::string transfer(const std::string& id, const std::string& amount = "1.00") {
    return transfer_line(id, "alice", "bob", amount);
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        lines.push_back(text.substr(at, end - at));
        at = end == std::string::npos ? text.size() : end + 1;
    }
    return lines;
}

}  // namespace

TEST_CASE("server: commands get their outcomes, line for line, and questions see them") {
    Served served;
    const std::string outcomes = body_of(served.post(
        kSmallBooks + transfer("t2", "40.00") + "\n{\"id\":\"x\"}\n" + transfer("t3", "61.00")));
    CHECK(without_places(outcomes) ==
          R"({"id":"o1","accepted":true,"outcome":"opened","shard":0,"record":#,"event":#}
{"id":"o2","accepted":true,"outcome":"opened","shard":0,"record":#,"event":#}
{"id":"o3","accepted":true,"outcome":"opened","shard":0,"record":#,"event":#}
{"id":"t1","accepted":true,"outcome":"posted","shard":0,"record":#,"event":#}
{"id":"t2","accepted":true,"outcome":"posted","shard":0,"record":#,"event":#}
{"line":7,"accepted":false,"outcome":"malformed","field":"","detail":"expected a command: transfer, place_hold, open_account or another"}
{"id":"t3","accepted":false,"outcome":"insufficient_funds","account":"alice","available":"60.00","shard":0,"record":#,"event":#}
)");

    const auto read = [&](const std::string& target) {
        const std::string answer = served.get(target);
        CAPTURE(answer);
        REQUIRE(verdict_of(answer) == "200");
        CHECK(answer.find("\r\nVouch-As-Of: 0:") != std::string::npos);
        return json::parse(body_of(answer));
    };
    CHECK(read("/v1/accounts/alice?at_least=end")["id"].get<std::string>().size() == 32);
    CHECK(read("/v1/accounts/alice/balance")["balance"] == "60.00");
    CHECK(read("/v1/accounts/alice/balance")["as_of"]["record"] >= 1);
    CHECK(read("/v1/entries/t2")["postings"].size() == 2);
    CHECK(read("/v1/outcomes/t3")["outcome"] == "insufficient_funds");
    CHECK(read("/v1/trial-balance")["even"] == true);
    for (const std::string path : {"accounts", "balances", "statement", "trial-balance"}) {
        CHECK(verdict_of(served.get("/v1/" + path + "?ledger=7")) == "404 not-found");
        CHECK(verdict_of(served.get("/v1/" + path + "?ledger=0")) == "200");
    }
    CHECK(read("/v1/accounts")["accounts"].size() == 3);
    // Nothing was recorded by then.
    const std::string early = served.get("/v1/balances?at=2000-01-01T00:00:00Z");
    CHECK(early.find("Vouch-As-Of") == std::string::npos);
    CHECK(body_of(early) == R"({"accounts":[],"settled":true,"as_of":[{"shard":0}]})" "\n");
    CHECK(read("/v1/accounts/bob/statement")["postings"][0]["balance"] == "40.00");
    CHECK(verdict_of(served.get("/v1/holds/t2")) == "404 not-found");
    CHECK(verdict_of(served.get("/v1/accounts/alice/balance?ledger=1")) == "404 not-found");
    CHECK(served.stop() == 0);
}

TEST_CASE("server: pages follow each other without gap or repetition") {
    Served served;
    std::string commands = kSmallBooks;
    for (int i = 0; i < 7; ++i) commands += transfer("m" + std::to_string(i));
    REQUIRE(verdict_of(served.post(commands)) == "200");
    for (const std::string path :
         {"/v1/statement", "/v1/accounts/alice/statement", "/v1/accounts", "/v1/balances"}) {
        CAPTURE(path);
        const bool is_statement = path.find("statement") != std::string::npos;
        const std::string rows = is_statement ? "postings" : "accounts";
        // A server that rests writes marks: what an answer is as of may move between two pages.
        const auto rows_of = [&](const std::string& answer) {
            json all = json::parse(body_of(answer))[rows];
            for (json& row : all) row.erase("as_of");
            return all;
        };
        const json whole = rows_of(served.get(path + "?at_least=end"));
        CHECK(whole.size() == (path == "/v1/statement" ? 16U : is_statement ? 8U : 3U));
        json pages = json::array();
        std::string target = path + "?page_size=2";
        for (int page = 0; page < 20 && !target.empty(); ++page) {
            const std::string answer = served.get(target);
            const json page_rows = rows_of(answer);
            pages.insert(pages.end(), page_rows.begin(), page_rows.end());
            const std::size_t link = answer.find("\r\nLink: <");
            target = link == std::string::npos
                         ? ""
                         : answer.substr(link + 9, answer.find('>', link) - link - 9);
        }
        CHECK(pages == whole);
    }
}

TEST_CASE("server: a cursor goes on with its own question and with no other") {
    Served served;
    std::string commands = kSmallBooks;
    for (int i = 0; i < 3; ++i) commands += transfer("m" + std::to_string(i));
    REQUIRE(verdict_of(served.post(commands)) == "200");
    const std::string at = "at=2000-01-01T00:00:00Z";
    const std::vector<std::string> targets = {
        "/v1/statement?ledger=0", "/v1/accounts/alice/statement?ledger=0",
        "/v1/accounts/bob/statement?ledger=0", "/v1/accounts?ledger=0", "/v1/balances?ledger=0"};
    for (const std::string& asked : targets) {
        const json page = json::parse(body_of(served.get(asked + "&page_size=1&at_least=end")));
        REQUIRE(page.contains("next"));
        const std::string with = "&cursor=" + page["next"].get<std::string>();
        for (const std::string& other : targets) {
            CAPTURE(asked);
            CAPTURE(other);
            CHECK(verdict_of(served.get(other + with)) ==
                  (other == asked ? "200" : "400 bad-parameter"));
        }
        const std::string no_time =
            "at: does not fit the cursor, which is of a question without at";
        const std::string past = served.get(asked + with + "&" + at);
        CHECK_MESSAGE(verdict_of(past) == "400 bad-parameter", asked);
        if (!asked.starts_with("/v1/accounts?"))
            CHECK_MESSAGE(past.find(no_time) != std::string::npos, past);
        const std::string of_ledger = asked.substr(0, asked.find('?')) + "?ledger=7";
        const std::string answer = served.get(of_ledger + with);
        CHECK(verdict_of(answer) == "400 bad-parameter");
        CHECK_MESSAGE(answer.find("does not fit the cursor") != std::string::npos, answer);
        if (!page.contains("follow")) continue;
        const std::string follow = "&cursor=" + page["follow"].get<std::string>();
        CHECK(verdict_of(served.get(asked + follow + "&" + at)) == "200");
        CHECK(verdict_of(served.get(of_ledger + follow)) == "400 bad-parameter");
    }
    CHECK(served.stop() == 0);
}

TEST_CASE("server: what is wrong is said as a problem, and nothing is recorded") {
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    const struct {
        std::string target;
        std::string verdict;
    } gets[] = {
        {"/livez", "200"},
        {"/readyz?x=y", "200"},
        {"/version", "200"},
        {"/openapi.yaml", "200"},
        {"/", "404 no-route"},
        {"/v1", "404 no-route"},
        {"/v1/accounts/a/b/c", "404 no-route"},
        {"/v2/accounts", "404 no-route"},
        {"/v1/accounts/", "400 bad-request"},
        {"/v1/accounts/%zz", "400 bad-request"},
        {"/v1/accounts/" + std::string(256, 'a'), "400 bad-parameter"},
        {"/v1/accounts/00000000000000000000000000000000", "400 bad-parameter"},
        {"/v1/accounts/0123456789ABCDEF0123456789ABCDEF", "404 not-found"},
        {"/v1/accounts/01arz3ndektsv4rrffq69g5fav/statement", "404 not-found"},
        {"/v1/outcomes/01arz3ndektsv4rrffq69g5fav", "404 not-found"},
        {"/v1/accounts/alice?ledger=x", "400 bad-parameter"},
        {"/v1/accounts/alice?ledger=-1", "400 bad-parameter"},
        {"/v1/accounts/alice?ledger=4294967296", "400 bad-parameter"},
        {"/v1/accounts/alice?at=2000-01-01T00:00:00Z", "400 bad-parameter"},
        {"/v1/accounts/alice/balance?at=yesterday", "400 bad-parameter"},
        {"/v1/accounts/alice/balance?at_least=1", "400 bad-parameter"},
        {"/v1/accounts/alice/balance?at_least=1:0", "400 bad-parameter"},
        {"/v1/accounts/alice/balance?at_least=0:0,", "400 bad-parameter"},
        {"/v1/accounts/alice/balance?at_least=0:0,end", "200"},
        {"/v1/accounts/alice/balance?at_least=0:0,0:1", "400 bad-parameter"},
        {"/v1/accounts/alice/balance?at=1970-01-01T00:00:00Z", "400 bad-parameter"},
        {"/v1/accounts/alice/balance?unknown=1", "400 bad-parameter"},
        {"/v1/accounts?page_size=0", "400 bad-parameter"},
        {"/v1/accounts?page_size=1001", "400 bad-parameter"},
        {"/v1/accounts?cursor=x", "400 bad-parameter"},
        {"/v1/statement?cursor=1.2", "400 bad-parameter"},
        {"/v1/commands", "405 method-not-allowed"},
        {"/v1/accounts/nobody", "404 not-found"},
        {"/v1/accounts/nobody/statement", "404 not-found"},
    };
    for (const auto& row : gets) {
        CAPTURE(row.target);
        CHECK(verdict_of(served.get(row.target)) == row.verdict);
    }
    for (const std::string parameter : {"ledger=0", "at=2000-01-01T00:00:00Z", "settled=true",
                                        "page_size=1", "cursor=0.0.0.0", "at_least=end"}) {
        CAPTURE(parameter);
        const std::string once = "/v1/statement?at=2000-01-01T00:00:00Z&" + parameter;
        const std::string answer = served.get(once + "&" + parameter);
        CHECK(verdict_of(answer) == "400 bad-parameter");
        const std::string name = parameter.substr(0, parameter.find('='));
        CHECK_MESSAGE(answer.find("\"" + name + ": expected once\"") != std::string::npos, answer);
    }
    for (const std::string plain : {"/readyz", "/metrics", "/version", "/openapi.yaml"}) {
        CHECK(verdict_of(served.get(plain + "?x=1&y=1")) == "200");
        CHECK(verdict_of(served.get(plain + "?x=1&x=2")) == "400 bad-parameter");
    }
    const struct {
        std::string body;
        std::string type;
        std::string verdict;
    } posts[] = {
        {"{}", "text/plain", "415 unsupported-media-type"},
        {"{}", "application/json; charset=utf-8", "422 malformed-command"},
        {"no json", "application/json", "422 malformed-command"},
        {R"({"id":"a","transfer":{"debit":"alice","credit":"bob","amount":1}})", "application/json",
         "422 malformed-command"},
        {std::string(8193, '\n'), "application/x-ndjson", "413 too-large"},
        {std::string(8192, '\n'), "application/x-ndjson", "200"},
        {std::string((1U << 20U) + 1, ' '), "application/json", "413 too-large"},
        {R"({"wait":true})", "application/json", "204"},
        {"", "application/json", "422 malformed-command"},
        {" \n", "application/json", "422 malformed-command"},
        {R"({"clock":"2026-01-31T23:59:59Z"})", "application/json", "422 malformed-command"},
        {"", "application/x-ndjson", "200"},
    };
    for (const auto& row : posts) {
        CAPTURE(row.body.substr(0, 100));
        CAPTURE(row.type);
        CHECK(verdict_of(served.post(row.body, row.type)) == row.verdict);
    }
    CHECK(verdict_of(served.post("{}", "application/json", "Content-Encoding: gzip\r\n")) ==
          "415 unsupported-media-type");
    CHECK(verdict_of(served.post(R"({"wait":true})", "application/json",
                                 "Content-Encoding: Identity\r\n")) == "204");
    CHECK(verdict_of(served.ask("PUT /v1/accounts HTTP/1.1\r\nHost: localhost\r\n\r\n")) ==
          "405 method-not-allowed");
    CHECK(verdict_of(served.ask("POST /v1/commands HTTP/1.1\r\nHost: localhost\r\n"
                                "Content-Type: application/json\r\n\r\n")) ==
          "411 length-required");
    // Refused by its head: the body is not waited for.
    CHECK(verdict_of(served.ask("POST /v1/commands HTTP/1.1\r\nHost: localhost\r\n"
                                "Content-Type: application/x-ndjson\r\n"
                                "Content-Length: 8388609\r\n\r\n")) == "413 too-large");
    CHECK(json::parse(body_of(served.get("/v1/accounts/alice?at_least=end")))["as_of"]["record"] >=
          1);
}

TEST_CASE("server: one object gives its outcome, refused or not, and a repeat the same") {
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    const std::string pretty =
        "{\n  \"id\": \"p1\",\n  \"transfer\": {\"debit\": \"alice\", \"credit\": \"bob\", "
        "\"amount\": "
        "\"2.50\"}\n}\n";
    const std::string first = served.post(pretty, "application/json");
    CHECK(without_places(body_of(first)) ==
          "{\"id\":\"p1\",\"accepted\":true,\"outcome\":\"posted\",\"shard\":0,\"record\":#,"
          "\"event\":#}\n");
    CHECK(body_of(served.post(pretty, "application/json")) == body_of(first));
    CHECK(without_places(body_of(served.post(transfer("p1"), "application/json"))) ==
          R"({"id":"p1","accepted":false,"outcome":"conflict",)"
          R"("recorded":true,"first":{"shard":0,"record":#,"event":#},)"
          R"("shard":0,"record":#,"event":#})"
          "\n");
    CHECK(json::parse(body_of(served.get("/v1/accounts/bob/balance?at_least=end")))["balance"] ==
          "2.50");
}

TEST_CASE("server: an Idempotency-Key is the id of the one command, and the body's is no other") {
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    const auto pay = [](const std::string& id) {
        return "{" + (id.empty() ? "" : "\"id\":\"" + id + "\",") +
               R"("transfer":{"debit":"alice","credit":"bob","amount":"0.05"}})" + "\n";
    };
    const auto post = [&](const std::string& body, const std::string& fields,
                          const std::string& type = "application/json") {
        return served.post(body, type, fields);
    };
    const std::string answer = post(pay(""), "Idempotency-Key: k 1\r\n");
    CHECK(json::parse(body_of(answer))["id"] == "k 1");
    CHECK(json::parse(body_of(answer))["outcome"] == "posted");
    // A repeat, however the id is told.
    for (const std::string& repeat :
         {post(pay(""), "idempotency-key: \"k 1\"\r\n"), post(pay("k 1"), ""),
          post(pay("k 1"), "Idempotency-Key: k 1\r\n"),
          post(pay(""), "Idempotency-Key: k 1\r\n", "application/x-ndjson"),
          post(pay("k 1"), "", "APPLICATION/JSON"), post(pay("k 1"), "", "Application/X-NDJSON")})
        CHECK(body_of(repeat) == body_of(answer));
    const std::string uuid = "0190163d-8694-739b-aea5-966c26f8ad90";
    CHECK(verdict_of(post(pay("0190163D-8694-739B-AEA5-966C26F8AD90"),
                          "Idempotency-Key: " + uuid + "\r\n")) == "200");

    const std::string differs = post(pay("zz"), "Idempotency-Key: k2\r\n");
    CHECK(verdict_of(differs) == "422 malformed-command");
    CHECK(json::parse(body_of(differs))["field"] == "id");
    CHECK(differs.find("Idempotency-Key") != std::string::npos);
    const std::string lines =
        post(pay("z1") + pay("z2"), "Idempotency-Key: k2\r\n", "application/x-ndjson");
    CHECK(verdict_of(lines) == "400 bad-parameter");
    CHECK(lines.find("Idempotency-Key") != std::string::npos);
    for (const std::string wrong : {"Idempotency-Key: \r\n", "Idempotency-Key: \"\"\r\n",
                                    "Idempotency-Key: \xc3\xa4\r\n",
                                    "Idempotency-Key: \"k\\\"1\"\r\n",
                                    "Idempotency-Key: \"k\\\\1\"\r\n",
                                    "Idempotency-Key: \"k\"1\"\r\n",
                                    "Idempotency-Key: \"k9\";p=1\r\n",
                                    "Idempotency-Key: \"k6\r\n",
                                    "Idempotency-Key: k7\"\r\n",
                                    "Idempotency-Key: \"\r\n",
                                    "Idempotency-Key: a\r\nIdempotency-Key: a\r\n"})
        CHECK(verdict_of(post(pay(""), wrong)) == "400 bad-parameter");
    CHECK(verdict_of(post(pay(""), "Idempotency-Key: " + std::string(256, 'k') + "\r\n")) ==
          "400 bad-parameter");
    CHECK(verdict_of(post(pay(""), "")) == "422 malformed-command");
    for (const std::string none : {"zz", "k2", "z1", "z2", "a"})
        CHECK(verdict_of(served.get("/v1/outcomes/" + none + "?at_least=end")) == "404 not-found");
    // A group's members have ids of their own.
    const std::string group = R"({"group":[)" + pay("m1") + "," + pay("m2") + "]}";
    CHECK(json::parse(body_of(post(group, "Idempotency-Key: g1\r\n")))["id"] == "g1");
    const std::string nameless = R"({"group":[)" + pay("m3") + "," + pay("") + "]}";
    CHECK(json::parse(body_of(post(nameless, "Idempotency-Key: g2\r\n")))["field"] ==
          "group[1].id");
}

TEST_CASE("server: who takes no form of an answer that there is, gets none") {
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    const std::string place = "/v1/accounts/alice/balance?at_least=end";
    for (const std::string none : {"application/json;q=0", "image/png"})
        CHECK(verdict_of(served.get(place, "Accept: " + none + "\r\n")) == "406 not-acceptable");
    const std::string text =
        served.get(place, "Accept: application/json;q=0.1, text/plain, image/png\r\n");
    CHECK(verdict_of(text) == "200");
    CHECK(text.find("\r\nContent-Type: text/plain") != std::string::npos);
}

TEST_CASE("server: respond-async answers with a place that will have the outcome") {
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    const std::string answer =
        served.post(transfer("a/b ä"), "application/json", "Prefer: wait=1, respond-async\r\n");
    CHECK(verdict_of(answer) == "202");
    const json acceptance = json::parse(body_of(answer));
    CHECK(acceptance["id"] == "a/b ä");
    CHECK(acceptance["acceptance"]["shard"] == 0);
    const std::string record = std::to_string(acceptance["acceptance"]["record"].get<int>());
    const std::string place = "/v1/outcomes/a%2Fb%20%C3%A4?at_least=0:" + record;
    CHECK(answer.find("\r\nLocation: " + place + "\r\n") != std::string::npos);
    const std::string outcome = served.get(place);
    CHECK(json::parse(body_of(outcome))["outcome"] == "posted");
    CHECK(json::parse(body_of(outcome))["id"] == "a/b ä");
    CHECK(verdict_of(served.post("{}", "application/json", "Prefer: respond-async\r\n")) ==
          "422 malformed-command");
    // Another command by an id that is taken has no place of its own.
    const std::string conflict = served.post(transfer("a/b ä", "9.00"), "application/json",
                                             "Prefer: respond-async\r\n");
    CHECK(verdict_of(conflict) == "200");
    CHECK(json::parse(body_of(conflict))["outcome"] == "conflict");
}

TEST_CASE("server: a clock line has no outcome, and no place where it would be") {
    Served served({"--test-clock", "--shards", "2"});
    const std::string clock = R"({"clock":"2026-01-31T23:59:59Z"})";
    CHECK(verdict_of(served.post(clock, "application/json", "Prefer: respond-async\r\n")) == "204");
}

TEST_CASE("server: a byte order mark is no part of what it stands before") {
    Served served;
    const std::string mark = "\xEF\xBB\xBF";
    const std::string lines = served.post(mark + kSmallBooks);
    CHECK(verdict_of(lines) == "200");
    CHECK(lines.find("malformed") == std::string::npos);
    const std::string one = served.post(mark + transfer("one"), "application/json");
    CHECK(json::parse(body_of(one))["outcome"] == "posted");
}

TEST_CASE("server: a question waits for the record it asks for, or says that it is not there") {
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    for (int i = 0; i < 50; ++i) {
        const json outcome = json::parse(
            body_of(served.post(transfer("w" + std::to_string(i)), "application/json")));
        const std::string record = std::to_string(outcome["record"].get<int>());
        const json balance =
            json::parse(body_of(served.get("/v1/accounts/bob/balance?at_least=0:" + record)));
        CHECK(balance["balance"] == std::to_string(i + 1) + ".00");
    }
    const std::string answer = served.get("/v1/accounts/bob/balance?at_least=0:1000000");
    CHECK(verdict_of(answer) == "503 behind");
    CHECK(answer.find("\r\nRetry-After: 1\r\n") != std::string::npos);
}

TEST_CASE("server: who waits for all that an outcome changed reads both sides of it") {
    Served served({"--shards", "4"});
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    int crossed = 0;
    for (int i = 0; i < 60; ++i) {
        const std::string payee = "p" + std::to_string(i);
        const std::string open = R"({"id":"o-)" + payee + R"(","open_account":{"account":")" + payee +
                                 R"(","asset":"EUR/2","class":"liability"}})";
        REQUIRE(verdict_of(served.post(open, "application/json")) == "200");
        const std::string pay = R"({"id":"t-)" + payee + R"(","transfer":{"debit":"alice","credit":")" +
                                payee + R"(","amount":"1.00"}})";
        const json outcome = json::parse(body_of(served.post(pay, "application/json")));
        REQUIRE(outcome["outcome"] == "posted");
        std::string at_least;
        json changed = outcome.value("changed", json::array({outcome}));
        crossed += changed.size() == 2 ? 1 : 0;
        for (const json& each : changed) {
            at_least += (at_least.empty() ? "" : ",") + std::to_string(each["shard"].get<int>()) +
                        ":" + std::to_string(each["record"].get<int>());
        }
        const std::string target = "/balance?at_least=" + at_least;
        CHECK(json::parse(body_of(served.get("/v1/accounts/" + payee + target)))["balance"] ==
              "1.00");
        CHECK(json::parse(body_of(served.get("/v1/accounts/alice" + target)))["balance"] ==
              std::to_string(99 - i) + ".00");
        // A repeat, and who asks for the outcome, are told the same.
        const json again = json::parse(body_of(served.post(pay, "application/json")));
        CHECK(again == outcome);
        const json asked =
            json::parse(body_of(served.get("/v1/outcomes/t-" + payee + "?at_least=" + at_least)));
        CHECK(asked.value("changed", json()) == outcome.value("changed", json()));
    }
    CHECK(crossed > 20);
    CHECK(served.stop() == 0);
}

TEST_CASE("server: who waits for all that undid a payment or ended a hold reads both sides of it") {
    Served served({"--shards", "2"});
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    const auto post = [&](const std::string& id, const std::string& body) {
        return json::parse(
            body_of(served.post(R"({"id":")" + id + R"(",)" + body + "}", "application/json")));
    };
    const auto to = [](const std::string& payee) {
        return R"({"debit":"alice","credit":")" + payee + R"(","amount":"8.00"})";
    };
    // A payee on the other shard than alice: the first whose payment changes both.
    std::string payee;
    for (int i = 0; i < 30 && payee.empty(); ++i) {
        const std::string name = "p" + std::to_string(i);
        REQUIRE(post("o-" + name, R"("open_account":{"account":")" + name +
                                      R"(","asset":"EUR/2","class":"liability"})")["outcome"] ==
                "opened");
        const json paid = post("t-" + name, R"("transfer":)" + to(name));
        REQUIRE(paid["outcome"] == "posted");
        if (paid.contains("changed")) payee = name;
        else REQUIRE(post("b-" + name, R"("reverse":{"entry":"t-)" + name + R"("})")["outcome"] ==
                     "reversed");
    }
    REQUIRE(!payee.empty());
    struct Row {
        std::string id, body, outcome;
        std::string alice_balance, alice_held, payee_balance, payee_held;
    };
    // Alice has 100.00, and the payee has 8.00 of them.
    const std::vector<Row> rows{
        {"refund", R"("refund":{"entry":"t-)" + payee + R"(","amount":"3.00"})", "refunded", "95.00",
         "0.00", "5.00", "0.00"},
        {"paid", R"("transfer":)" + to(payee), "posted", "87.00", "0.00", "13.00", "0.00"},
        {"reversal", R"("reverse":{"entry":"paid"})", "reversed", "95.00", "0.00", "5.00", "0.00"},
        {"hold", R"("place_hold":)" + to(payee), "held", "95.00", "8.00", "5.00", "8.00"},
        {"part", R"("capture_hold":{"hold":"hold","amount":"2.00","keep_rest":true})", "captured",
         "93.00", "6.00", "7.00", "6.00"},
        {"release", R"("release_hold":{"hold":"hold"})", "released", "93.00", "0.00", "7.00", "0.00"},
        {"hold-2", R"("place_hold":)" + to(payee), "held", "93.00", "8.00", "7.00", "8.00"},
        {"rest", R"("capture_hold":{"hold":"hold-2","amount":"2.00"})", "captured", "91.00", "0.00",
         "9.00", "0.00"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.id);
        const json outcome = post(row.id, row.body);
        CAPTURE(outcome.dump());
        REQUIRE(outcome["outcome"] == row.outcome);
        REQUIRE(outcome.contains("changed"));
        REQUIRE(outcome["changed"].size() == 2);
        std::string at_least;
        for (const json& each : outcome["changed"]) {
            at_least += (at_least.empty() ? "" : ",") + std::to_string(each["shard"].get<int>()) +
                        ":" + std::to_string(each["record"].get<int>());
        }
        const auto check = [&](const std::string& account, const std::string& held_side,
                               const std::string& balance, const std::string& held) {
            const json read = json::parse(body_of(
                served.get("/v1/accounts/" + account + "/balance?at_least=" + at_least)));
            CHECK(read["balance"] == balance);
            CHECK(read[held_side] == held);
        };
        check(payee, "credits_held", row.payee_balance, row.payee_held);
        check("alice", "debits_held", row.alice_balance, row.alice_held);
        // A repeat, and who asks for the outcome, are told the same.
        CHECK(post(row.id, row.body) == outcome);
        CHECK(json::parse(body_of(served.get("/v1/outcomes/" + row.id + "?at_least=" +
                                             at_least)))["changed"] == outcome["changed"]);
    }
    CHECK(served.stop() == 0);
}

TEST_CASE("server: requests in one piece are answered one by one, in order, on one connection") {
    Served served;
    Peer peer(served.url());
    REQUIRE(peer.send(post_request(kSmallBooks, "application/x-ndjson") +
                      post_request(transfer("p1"), "application/json") +
                      get_request("/v1/accounts/bob/balance?at_least=end") + get_request("/nope") +
                      "HEAD /version HTTP/1.1\r\nHost: localhost\r\n\r\n" +
                      get_request("/livez", "Connection: close\r\n") + get_request("/livez")));
    std::vector<std::string> answers = peer.read_answers(4);
    REQUIRE(answers.size() == 4);
    CHECK(lines_of(body_of(answers[0])).size() == 4);
    CHECK(json::parse(body_of(answers[1]))["outcome"] == "posted");
    CHECK(json::parse(body_of(answers[2]))["balance"] == "1.00");
    CHECK(verdict_of(answers[3]) == "404 no-route");
    const std::string rest = peer.read_until();
    CHECK(rest.find("\r\n\r\nHTTP/1.1 200 OK") != std::string::npos);  // HEAD has no body
    CHECK(rest.ends_with("Connection: close\r\n\r\nalive\n"));         // and nothing behind
}

TEST_CASE("server: lines keep their order over shards, as they do without a server") {
    const std::vector<std::string> shards = {"--shards", "4"};
    std::string commands;
    for (int i = 0; i < 40; ++i) {
        const std::string name = "a" + std::to_string(i);
        commands += R"({"id":"o)" + std::to_string(i) + R"(","open_account":{"account":")" + name +
                    R"(","asset":"EUR/2","class":"asset","limit":"unlimited"}})" + "\n";
        commands += R"({"id":"f)" + std::to_string(i) + R"(","freeze_account":{"account":"a)" +
                    std::to_string(i / 2) + R"(","block":"debits"}})" + "\n";
    }
    Served served(shards);
    const std::vector<std::string> over_http = lines_of(body_of(served.post(commands)));
    const Program alone;
    const ProgramResult direct = alone.submit(commands, {"--create", "--shards", "4"});
    std::vector<std::string> without = direct.lines();
    REQUIRE(over_http.size() == 80);
    REQUIRE(without.size() == 80);
    for (std::size_t i = 0; i < 80; ++i) {
        json a = json::parse(over_http[i]);
        json b = json::parse(without[i]);
        for (const char* place : {"record", "event"}) {
            a.erase(place);
            b.erase(place);
        }
        CHECK(a == b);
    }
}

TEST_CASE("server: many peers at once, each sees its own outcomes, and the books balance") {
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    std::atomic<int> wrong{0};
    std::vector<std::thread> peers;
    for (int number = 0; number < 8; ++number) {
        peers.emplace_back([&served, &wrong, number] {
            Peer peer(served.url());
            for (int i = 0; i < 25; ++i) {
                const std::string id = std::to_string(number) + "-" + std::to_string(i);
                if (!peer.send(post_request(transfer(id, "0.10"), "application/json"))) ++wrong;
                const std::vector<std::string> answers = peer.read_answers(1);
                const bool is_right =
                    answers.size() == 1 &&
                    body_of(answers[0]).starts_with("{\"id\":\"" + id + "\",\"accepted\":true");
                if (!is_right) ++wrong;
            }
        });
    }
    for (std::thread& peer : peers) peer.join();
    CHECK(wrong == 0);
    CHECK(json::parse(body_of(served.get("/v1/accounts/bob/balance?at_least=end")))["balance"] ==
          "20.00");
    CHECK(served.stop() == 0);
    const ProgramResult replayed =
        served.program().run({"replay", "--data", served.program().books().string()});
    CHECK(replayed.exit == 0);
}
