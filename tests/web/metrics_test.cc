#include "tests/support/transfer_line.h"
#include "tests/web/metric_lines.h"
#include "tests/web/served.h"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <string>

using namespace vouch::test;

namespace {

MetricLines metrics_of(Served& served) {
    const std::string answer = served.get("/metrics");
    REQUIRE(verdict_of(answer) == "200");
    CHECK(answer.find("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n") !=
          std::string::npos);
    return MetricLines(body_of(answer));
}

}  // namespace

TEST_CASE("metrics: counters say what was done, and nothing of whom") {
    Served served;
    const MetricLines before = metrics_of(served);
    CHECK(before.count("vouch_commands_total") == 0);
    CHECK(before.value("vouch_command_duration_seconds_count") == 0);
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    const auto pay = [&](const std::string& id, const std::string& amount) {
        const std::string answer =
            served.post(transfer_line(id, "alice", "bob", amount), "application/json");
        REQUIRE(verdict_of(answer) == "200");
    };
    for (const std::string id : {"p1", "p2", "p3"}) pay(id, "1.00");
    pay("p4", "1000.00");
    pay("p1", "1.00");
    REQUIRE(verdict_of(served.get("/v1/accounts/alice/balance?at_least=end")) == "200");
    REQUIRE(verdict_of(served.get("/v1/accounts/nobody")) == "404 not-found");
    REQUIRE(verdict_of(served.get("/no/such")) == "404 no-route");

    const MetricLines after = metrics_of(served);
    const auto of = [&](const std::string& outcome) {
        return after.value("vouch_commands_total", {{"shard", "0"}, {"outcome", outcome}});
    };
    CHECK(of("opened") == 3);
    CHECK(of("posted") == 4);
    CHECK(of("insufficient_funds") == 1);
    CHECK(after.sum("vouch_commands_total") == 8);
    CHECK(after.value("vouch_commands_repeated_total", {{"shard", "0"}}) == 1);
    CHECK(after.value("vouch_commands_in_transit", {{"shard", "0"}}) == 0);
    CHECK(after.value("vouch_command_duration_seconds_count") == 5);
    const auto requests = [&](const std::string& route) {
        return after.value("vouch_http_request_duration_seconds_count", {{"route", route}});
    };
    CHECK(requests("/v1/commands") == 6);
    CHECK(requests("/v1/accounts/{id}/balance") == 1);
    CHECK(requests("/v1/accounts/{id}") == 1);
    CHECK(requests("/metrics") == 1);
    CHECK(requests("other") == 1);
    CHECK(after.value("vouch_http_responses_total", {{"code", "200"}}) == 8);
    CHECK(after.value("vouch_http_responses_total", {{"code", "404"}}) == 2);
    const std::string text = body_of(served.get("/metrics"));
    for (const std::string name : {"alice", "bob", "cash", "p1", "nobody"})
        CHECK(text.find('"' + name) == std::string::npos);
    CHECK(served.stop() == 0);
}

TEST_CASE("metrics: a group that cannot be recorded is no command, and ends strict lines") {
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    const auto group = [](const std::string& member, int count) {
        std::string line = R"({"id":"g","group":[)";
        for (int i = 0; i < count; ++i) {
            std::string payment =
                transfer_line(i == 0 ? member : member + std::to_string(i), "alice", "bob", "0.01");
            payment.back() = i + 1 < count ? ',' : ']';
            line += payment;
        }
        return line + "}\n";
    };
    const struct {
        std::string line;
        std::string outcome;
        std::string field;
    } rows[] = {
        {group("g", 1), "malformed", "group[0].id"},
        {group("m", 501), "too_large", "group"},
    };
    const MetricLines before = metrics_of(served);
    for (const auto& row : rows) {
        CAPTURE(row.outcome);
        const std::string one = served.post(row.line, "application/json");
        CHECK(verdict_of(one) == "422 malformed-command");
        const auto said = [&](const std::string& key, const std::string& value) {
            CHECK_MESSAGE(one.find("\"" + key + "\":\"" + value + "\"") != std::string::npos, one);
        };
        said("outcome", row.outcome);
        said("field", row.field);
        said("recorded", "no");
        const std::string strict =
            body_of(served.post(row.line + transfer_line("t", "alice", "bob"),
                                "application/x-ndjson",
                                "Prefer: wait=5\r\nPrefer: handling=\"strict\"\r\n"));
        CHECK_MESSAGE(strict.starts_with(R"({"line":1,"accepted":false,"outcome":")" + row.outcome +
                                         R"(","field":")" + row.field + "\""),
                      strict);
        CHECK(strict.find('\n') + 1 == strict.size());
    }
    CHECK(verdict_of(served.get("/v1/outcomes/t?at_least=end")) == "404 not-found");
    CHECK(metrics_of(served).sum("vouch_commands_total") == before.sum("vouch_commands_total"));
    CHECK(served.stop() == 0);
}

TEST_CASE("metrics: how the server is") {
    Served served({"--shards", "2"});
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    REQUIRE(verdict_of(served.get("/v1/trial-balance?at_least=end")) == "200");
    const MetricLines metrics = metrics_of(served);
    CHECK(metrics.value("vouch_ready") == 1);
    CHECK(metrics.count("vouch_build_info") == 1);
    CHECK(metrics.value("vouch_role_info", {{"role", "handler"}}) == 1);
    CHECK(metrics.count("vouch_role_info") == 3);
    CHECK(metrics.value("vouch_log_waiting") == 0);
    CHECK(metrics.value("vouch_log_alarms") == 0);
    CHECK(metrics.count("vouch_brokers_unanswered_seconds") == 0);
    CHECK(metrics.sum("vouch_shard_up") == 4);
    CHECK(metrics.count("vouch_shard_stopped_info") == 0);
    CHECK(metrics.sum("vouch_shard_findings") == 0);
    const auto free = metrics.value("vouch_disk_free_bytes");
    REQUIRE(free.has_value());
    CHECK(*free > 0);
    CHECK(metrics.value("vouch_disk_reserve_bytes") == 256.0 * 1024 * 1024);
    const double now = std::chrono::duration<double>(
                           std::chrono::system_clock::now().time_since_epoch())
                           .count();
    for (const std::string shard : {"0", "1"}) {
        CHECK(metrics.value("vouch_view_lag_records", {{"shard", shard}}).has_value());
        CHECK(metrics.value("vouch_view_lag_seconds", {{"shard", shard}}).value() >= 0);
        const auto complete =
            metrics.value("vouch_view_complete_timestamp_seconds", {{"shard", shard}});
        REQUIRE(complete.has_value());
        CHECK(*complete <= now);
        CHECK(*complete > now - 600);
    }
    CHECK(verdict_of(served.ask("POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")) ==
          "405 method-not-allowed");
    CHECK(served.stop() == 0);
}

TEST_CASE("metrics: a server without a handler, or without views, tells of what it has") {
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    RunningProgram api(served.program(), {"serve", "--data", served.program().books().string(),
                                          "--roles", "api"});
    Peer peer(api.read_line());
    REQUIRE(peer.send(get_request("/metrics")));
    const MetricLines metrics(body_of(peer.read_answers(1).at(0)));
    CHECK(metrics.value("vouch_role_info", {{"role", "api"}}) == 1);
    CHECK(metrics.count("vouch_role_info") == 1);
    CHECK(metrics.count("vouch_shard_up") == 0);
    CHECK(metrics.count("vouch_commands_repeated_total") == 0);
    CHECK(metrics.count("vouch_view_lag_seconds") == 0);
    CHECK(metrics.count("vouch_disk_free_bytes") == 1);
    api.terminate();
    CHECK(api.wait() == 0);
    CHECK(served.stop() == 0);
}
