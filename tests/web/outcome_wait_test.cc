#include "tests/command-handler/handler_rig.h"
#include "tests/web/served.h"
#include "tools/server/http/api/api_server.h"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>

// Requests whose commands get no outcome, as when the log waits for room.

using namespace vouch;
using namespace std::chrono_literals;
using test::Peer;

TEST_CASE("outcome wait: who gets no outcome in time is told so, and each command is decided once") {
    test::HandlerRig rig;
    command_handler::CommandGateway gateway(rig.log, 1);
    auto handler = command_handler::Handler::start(rig.log, rig.deployment, rig.keys, rig.clock,
                                                   gateway, rig.options);
    REQUIRE(handler);
    http::LedgerParts parts;
    parts.deployment = &rig.deployment;
    parts.gateway = &gateway;
    parts.handler = handler->get();
    parts.log = &rig.log;
    parts.outcome_wait_max = 50ms;
    auto server = http::ApiServer::start(parts, {.host = "127.0.0.1", .port = 0}, 1);
    REQUIRE(server);
    const auto ask = [&](const std::string& request) {
        Peer peer((*server)->url());
        REQUIRE(peer.send(request));
        return peer.read_answers(1).at(0);
    };

    rig.log.hold();
    std::string request;
    SUBCASE("lines") { request = test::post_request(test::kSmallBooks, "application/x-ndjson"); }
    SUBCASE("lines of which one waits for those before") {
        request = test::post_request(test::kSmallBooks + "{\"wait\":true}\n" + test::kSmallBooks,
                                     "application/x-ndjson");
    }
    SUBCASE("one that only wants to know where it is recorded") {
        const std::string first = test::kSmallBooks.substr(0, test::kSmallBooks.find('\n'));
        request = test::post_request(first, "application/json", "Prefer: respond-async\r\n");
    }
    const std::string told = ask(request);
    CHECK(test::verdict_of(told) == "503 busy");
    CHECK_MESSAGE(told.find("may be recorded or not") != std::string::npos, told);
    CHECK(test::verdict_of(ask(test::get_request("/livez"))) == "200");

    rig.log.release();
    const auto until = std::chrono::steady_clock::now() + 30s;
    std::string answer = ask(request);
    while (test::verdict_of(answer) == "503 busy" && std::chrono::steady_clock::now() < until)
        answer = ask(request);
    CHECK_MESSAGE(test::verdict_of(answer).starts_with("20"), answer);
    CHECK((*server)->drain());
    CHECK((*handler)->stop());
    gateway.stop();
    (*server)->stop();
}
