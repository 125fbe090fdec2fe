#include "tests/web/served.h"
#include "tools/server/http/api/descriptor_bounds.h"
#include "tools/server/http/wire/connection.h"
#include "tools/server/http/wire/request_limits.h"
#include "tools/server/http/wire/server.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <string>
#include <vector>

namespace {

using namespace vouch::test;

/// What would be executed if the server lost its place in the bytes.
const std::string kSmuggled = get_request("/livez");

/// Of a server, at most.
constexpr std::size_t kThreadsMax = 4;
constexpr std::size_t kMegabyte = std::size_t{1} << 20;
constexpr int kRoundsMax = 3;

}  // namespace

TEST_CASE("hostile peers: a request of unclear framing is refused, and nothing behind it is read") {
    Served served;
    const std::string start =
        "POST /v1/commands HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    const struct {
        std::string bytes;
        std::string status;
    } rows[] = {
        {start + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501"},
        {start + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501"},
        {start + "Transfer-Encoding: gzip\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", "501"},
        {start + "Content-Length: 4\r\nContent-Length: 0\r\n\r\n", "400"},
        {start + "Content-Length: 0, 4\r\n\r\n", "400"},
        {start + "X: y\n\r\n", "400"},
        {start + "X: y\r\n Content-Length: 4\r\n\r\n", "400"},
        {start + "Content-Length : 4\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "421"},
        {"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n", "413"},
        {"GET /" + std::string(3000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n", "414"},
        {"GET / HTTP/1.1\r\nX: " + std::string(9000, 'a') + "\r\n\r\n", "431"},
        {std::string(9000, 'a'), "431"},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
        {"\x16\x03\x01\x02\n", "400"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.bytes);
        Peer peer(served.url());
        peer.send(row.bytes + kSmuggled);
        const std::string answer = peer.read_until();
        CHECK(answer.substr(0, 13) == "HTTP/1.1 " + row.status + " ");
        CHECK(count_of(answer, "\r\nDate: ") == 1);
        CHECK(answer.find("\r\nConnection: close\r\n") != std::string::npos);
    }
    CHECK(verdict_of(served.get("/livez")) == "200");
}

TEST_CASE("hostile peers: who sends slowly or not at all is sent away, others are served") {
    Served served;
    Peer slow_head(served.url());
    REQUIRE(slow_head.send("GET /livez HTTP/1.1\r\n"));
    Peer slow_body(served.url());
    REQUIRE(
        slow_body.send("POST /v1/commands HTTP/1.1\r\nHost: localhost\r\n"
                       "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"));
    Peer gone(served.url());
    gone.end_sending();
    CHECK(gone.read_until().empty());
    CHECK(verdict_of(served.get("/livez")) == "200");
    CHECK(verdict_of(slow_head.read_until()) == "408 timeout");
    CHECK(verdict_of(slow_body.read_until()) == "408 timeout");
}

TEST_CASE("hostile peers: bodies that are announced, or not finished, take nobody's answer") {
    vouch::http::raise_descriptor_limit(1);
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    std::vector<Peer> uploads;
    const auto begin_uploads = [&](std::size_t count, const std::string& begun) {
        const std::string head =
            "POST /v1/commands HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Type: application/x-ndjson\r\nContent-Length: " +
            std::to_string(vouch::http::kRequestBytesMax) + "\r\n\r\n";
        for (std::size_t i = 0; i < count; ++i) {
            uploads.emplace_back(served.url());
            REQUIRE(uploads.back().send(head + begun));
        }
    };
    const auto check_small_ones = [&] {
        for (const std::string target :
             {"/livez", "/readyz", "/status", "/v1/accounts/alice/balance"}) {
            CAPTURE(target);
            CHECK(verdict_of(served.get(target)) == "200");
        }
        CHECK(verdict_of(served.post(R"({"wait":true})", "application/json")) == "204");
    };
    // Too many lines, which is seen when all of it has come.
    const std::string large = std::string(2 * kMegabyte, '\n');

    begin_uploads(kThreadsMax * vouch::http::kBodyBytesMax / vouch::http::kRequestBytesMax, "{");
    check_small_ones();
    CHECK(verdict_of(served.post(large)) == "413 too-large");

    // What has come counts, and of the port's peers alone. On a slow machine the first ones have
    // had their time before the last ones have come.
    std::string refusal;
    for (int round = 0; round < kRoundsMax && refusal != "503 busy"; ++round) {
        begin_uploads(kThreadsMax * vouch::http::kBodyBytesMax / kMegabyte,
                      std::string(kMegabyte, ' '));
        refusal = verdict_of(served.post(large));
    }
    CHECK(refusal == "503 busy");
    check_small_ones();
    // Another address has room for the largest request.
    Peer other(served.url(), "127.0.0.2");
    CHECK(other.send(post_request(std::string(vouch::http::kRequestBytesMax, '\n'),
                                  "application/x-ndjson")));
    CHECK(verdict_of(other.read_until()) == "413 too-large");
    const ProgramResult by_socket =
        served.program().submit(std::string(kMegabyte / 2, ' ') + "\n" + kSmallBooks);
    CHECK_MESSAGE(by_socket.exit == 0, by_socket.err);

    for (Peer& each : uploads) {
        const std::string verdict = verdict_of(each.read_until());
        CHECK_MESSAGE((verdict == "408 timeout" || verdict == "503 busy"), verdict);
    }
    CHECK(verdict_of(served.post(large)) == "413 too-large");
}

TEST_CASE("hostile peers: who sends a large body that is not taken can read why") {
    Served served;
    const std::string large(4 * kMegabyte, ' ');
    for (const auto& [type, verdict] : {std::pair{"text/plain", "415 unsupported-media-type"},
                                        std::pair{"application/json", "413 too-large"}}) {
        Peer peer(served.url());
        CHECK(peer.send(post_request(large, type)));
        CHECK(verdict_of(peer.read_until()) == verdict);
    }
}

TEST_CASE("hostile peers: a connection ends after a thousand requests") {
    Served served;
    Peer peer(served.url());
    for (std::size_t i = 1; i < vouch::http::kRequestsMax; ++i) {
        REQUIRE(peer.send(get_request("/livez")));
        REQUIRE(peer.read_answers(1).size() == 1);
    }
    REQUIRE(peer.send(get_request("/livez") + get_request("/livez")));
    const std::string rest = peer.read_until();
    CHECK(count_of(rest, "HTTP/1.1 200") == 1);
    CHECK(rest.find("Connection: close") != std::string::npos);
}

TEST_CASE("hostile peers: with a thousand idle ones an honest one is answered; there is a bound") {
    vouch::http::raise_descriptor_limit(1);
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    std::vector<Peer> idle;
    const bool can_reach_bound =
        limit.rlim_cur >= vouch::http::kConnectionsMax + vouch::http::kSocketConnectionsMax +
                              vouch::http::kDescriptorsOwn + vouch::http::kDescriptorsAShard;
    if (!can_reach_bound) MESSAGE("the bound is not tried: too few descriptors are allowed");
    const std::size_t wanted = can_reach_bound ? vouch::http::kConnectionsMax : 900;
    while (idle.size() < std::min<std::size_t>(wanted - 1, 1000)) idle.emplace_back(served.url());
    CHECK(verdict_of(served.get("/v1/accounts/alice/balance")) == "200");
    CHECK(verdict_of(served.post(R"({"wait":true})", "application/json")) == "204");
    if (!can_reach_bound) return;
    // Each is taken, in turn, before the answer to the request that follows on the newest one.
    while (idle.size() < wanted) idle.emplace_back(served.url());
    Peer one_more(served.url());
    CHECK(one_more.read_until().empty());
    REQUIRE(idle.front().send(get_request("/livez")));
    CHECK(idle.front().read_answers(1).size() == 1);
    // The data directory's socket is not the port's.
    const ProgramResult status =
        served.program().run({"status", "--data", served.program().books().string()});
    CHECK_MESSAGE(status.exit == 0, status.err);
}

TEST_CASE("hostile peers: who fills a server with connections does not make it seem dead") {
    const Program program;
    RunningProgram server(program, {"serve", "--data", program.books().string(), "--create"},
                          {.limits = "-n 530"});
    const std::string url = server.read_line();
    // All of 50 but the last 8, each of which has been taken when it has its answer.
    std::vector<Peer> idle;
    while (idle.size() < 42) {
        idle.emplace_back(url);
        REQUIRE(idle.back().send(get_request("/livez")));
        REQUIRE(verdict_of(idle.back().read_answers(1).at(0)) == "200");
    }
    for (const std::string path : {"/livez", "/readyz", "/status", "/version", "/metrics"}) {
        CAPTURE(path);
        Peer one_more(url);
        REQUIRE(one_more.send(get_request(path)));
        const std::string answer = one_more.read_until();
        CHECK(answer.starts_with("HTTP/1.1 "));
        CHECK(answer.find("\r\nConnection: close\r\n") != std::string::npos);
        CHECK(answer.find("too many connections") == std::string::npos);
    }
    for (const std::string& request :
         {get_request("/v1/accounts"), post_request(kSmallBooks, "application/x-ndjson")}) {
        Peer one_more(url);
        REQUIRE(one_more.send(request));
        const std::string answer = one_more.read_until();
        CHECK(verdict_of(answer) == "503 busy");
        CHECK(answer.find("too many connections are open") != std::string::npos);
    }
    REQUIRE(idle.front().send(get_request("/v1/accounts")));
    CHECK(verdict_of(idle.front().read_answers(1).at(0)) == "200");
    server.terminate();
    CHECK(server.wait() == 0);
}

TEST_CASE("hostile peers: connections leave the books their descriptors") {
    const Program program;
    RunningProgram server(program, {"serve", "--data", program.books().string(), "--create"},
                          {.limits = "-n 530"});
    const std::string url = server.read_line();
    // 64 + 160 are the books' and 256 the socket's.
    std::vector<Peer> idle;
    while (idle.size() < 50) idle.emplace_back(url);
    Peer one_more(url);
    CHECK(one_more.read_until().empty());
    server.terminate();
    CHECK(server.wait() == 0);
}
