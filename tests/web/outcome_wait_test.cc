#include "tests/command-handler/handler_rig.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_of_file.h"
#include "tests/web/served.h"
#include "tools/server/http/api/api_server.h"
#include "tools/vouch/submit_remote.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <regex>
#include <string>

// Requests whose commands get no outcome, as when the log waits for room, and questions whose
// answers take longer than a request.

using namespace vouch;
using namespace std::chrono_literals;
using test::Peer;

namespace {

/// A server that waits for outcomes no longer than a moment, on a log that can be held.
struct HastyServer {
    explicit HastyServer(std::chrono::milliseconds line_time_max = 100ms) {
        REQUIRE(handler);
        REQUIRE(views);
        parts.deployment = &rig.deployment;
        parts.gateway = &gateway;
        parts.handler = handler->get();
        parts.log = &rig.log;
        parts.views = views->get();
        parts.program_version = "0";
        parts.question_time_max = 0ms;
        parts.outcome_wait_max = 50ms;
        parts.line_time_max = line_time_max;
        auto started = http::ApiServer::start(parts, {.host = "127.0.0.1", .port = 0}, 1);
        REQUIRE(started);
        server = std::move(*started);
    }
    ~HastyServer() {
        rig.log.release();
        CHECK(server->drain());
        CHECK((*handler)->stop());
        gateway.stop();
        server->stop();
        (*views)->stop();
    }
    HastyServer(const HastyServer&) = delete;

    test::HandlerRig rig;
    command_handler::CommandGateway gateway{rig.log, 1};
    Result<std::unique_ptr<command_handler::Handler>> handler = command_handler::Handler::start(
        rig.log, rig.deployment, rig.keys, rig.clock, gateway, rig.options);
    test::TemporaryDirectory directory;
    Result<std::unique_ptr<places::ViewFollower>> views = places::ViewFollower::start(
        rig.log, rig.deployment, rig.keys, directory.path() / "views", [] {});
    http::LedgerParts parts;
    std::unique_ptr<http::ApiServer> server;
};

}  // namespace

TEST_CASE("outcome wait: who gets no outcome in time is told so, and each command is decided once") {
    HastyServer hasty;
    const auto ask = [&](const std::string& request) {
        Peer peer(hasty.server->url());
        REQUIRE(peer.send(request));
        return peer.read_answers(1).at(0);
    };

    hasty.rig.log.hold();
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
    CHECK(told.find("\"recorded\":\"unknown\"") != std::string::npos);
    CHECK_MESSAGE(told.find("may be recorded or not") != std::string::npos, told);
    CHECK(test::verdict_of(ask(test::get_request("/livez"))) == "200");

    hasty.rig.log.release();
    const auto until = std::chrono::steady_clock::now() + 30s;
    std::string answer = ask(request);
    while (test::verdict_of(answer) == "503 busy" && std::chrono::steady_clock::now() < until)
        answer = ask(request);
    CHECK_MESSAGE(test::verdict_of(answer).starts_with("20"), answer);
}

TEST_CASE("outcome wait: a request of lines ends, though one outcome comes after the other") {
    HastyServer hasty(0ms);
    // Each line waits for the one before. Who is told that none came in time, or whose time was
    // over before the second one's outcome came, sends new ones.
    const std::string second = "-1\",\"accepted\":";
    const auto until = std::chrono::steady_clock::now() + 30s;
    std::string told;
    for (int i = 0; told.find("took longer than 0 s and 0 ms a line") == std::string::npos ||
                    told.find(second) == std::string::npos;
         ++i) {
        REQUIRE_MESSAGE(std::chrono::steady_clock::now() < until, told);
        std::string lines;
        for (int line = 0; line < 4'000; ++line) {
            lines += R"({"id":"o)" + std::to_string(i) + "-" + std::to_string(line) +
                     R"(","open_account":{"account":"a","asset":"EUR/2","class":"asset"}})"
                     "\n{\"wait\":true}\n";
        }
        Peer peer(hasty.server->url());
        REQUIRE(peer.send(test::post_request(lines, "application/x-ndjson")));
        told = peer.read_answers(1).at(0);
    }
    CHECK(test::verdict_of(told) == "503 busy");
    CHECK(told.find("\"recorded\":\"unknown\"") != std::string::npos);
    // What came before is told, in order.
    const std::size_t first = told.find("\"outcomes\":[{\"id\":\"o");
    REQUIRE(first != std::string::npos);
    CHECK(told.find("-0\",", first) == told.find('-', first));
    CHECK(told.find(second, first) != std::string::npos);
    CHECK(told.ends_with("}]}\n"));
}

TEST_CASE("outcome wait: outcomes of a problem come as the server wrote them, and turn no terminal") {
    const std::string line =
        R"({"id":"\u009b31m\u202eü","accepted":true,"shard":3,"held":"1.00","x":[null,-1]})";
    http::Reply reply;
    reply.status = 503;
    reply.body = R"({"type":"urn:vouch:problem:busy","outcomes":[)" + line + "," + line + "]}";
    CHECK(http::problem_outcomes(reply) == line + "\n" + line + "\n");
}

TEST_CASE("outcome wait: submit tells the outcomes that stand of a request that it gives up on") {
    HastyServer hasty;
    hasty.rig.log.hold();
    const std::filesystem::path sent = hasty.directory.path() / "sent";
    const std::filesystem::path told = hasty.directory.path() / "told";
    // The first line has its outcome without any record.
    std::ofstream(sent) << "broken\n\n" << test::kSmallBooks;
    Result<http::Client> client = http::Client::of(hasty.server->url());
    REQUIRE(client);
    cli::SubmitRemote remote(*client, {.keep_going = true, .outage_max = 0s});
    const int in = ::open(sent.c_str(), O_RDONLY | O_CLOEXEC);
    const int out = ::open(told.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    std::cout.flush();
    const int own_out = ::dup(STDOUT_FILENO);
    REQUIRE(::dup2(out, STDOUT_FILENO) == STDOUT_FILENO);
    cli::LineReader reader(in);
    const Status ran = remote.run(reader);
    ::dup2(own_out, STDOUT_FILENO);
    for (const int each : {in, out, own_out}) ::close(each);
    REQUIRE_FALSE(ran);
    CHECK(ran.error().code == FaultCode::retriable);
    const std::string lines = test::text_of_file(told);
    CHECK_MESSAGE(lines.starts_with(R"({"line":1,"accepted":false,"outcome":"malformed",)"), lines);
    CHECK(std::ranges::count(lines, '\n') == 1);
    CHECK(remote.counts().malformed == 1);
    CHECK(remote.lines_open() ==
          static_cast<std::size_t>(std::ranges::count(test::kSmallBooks, '\n')));
}

TEST_CASE("outcome wait: an answer that takes longer than its request is there when asked again") {
    HastyServer hasty;
    const auto ask = [&](const std::string& target) {
        Peer peer(hasty.server->url());
        REQUIRE(peer.send(test::get_request(target)));
        return peer.read_answers(1).at(0);
    };
    for (const std::string target :
         {"/v1/trial-balance", "/v1/accounts?page_size=7", "/v1/balances", "/v1/statement"}) {
        CAPTURE(target);
        const auto until = std::chrono::steady_clock::now() + 30s;
        std::string answer = ask(target);
        while (test::verdict_of(answer) == "503 busy") {
            REQUIRE(answer.find("ask the same again within 60 s") != std::string::npos);
            REQUIRE(std::chrono::steady_clock::now() < until);
            std::smatch word;
            REQUIRE(std::regex_search(answer, word, std::regex(R"r("pick_up":"(\d+)")r")));
            answer = ask(target + (target.find('?') == std::string::npos ? "?" : "&") + "pick_up=" +
                         word[1].str());
        }
        CHECK_MESSAGE(test::verdict_of(answer) == "200", answer);
    }
}

TEST_CASE("outcome wait: submit asks a server again until it has the outcomes") {
    HastyServer hasty;
    hasty.rig.log.hold();
    const test::Program program;
    const std::filesystem::path err = program.home() / "err";
    test::RunningProgram submit(program, {"submit", "-", "--http", hasty.server->url()},
                                {.limits = {}, .err = err});
    submit.write(test::kSmallBooks);
    const auto until = std::chrono::steady_clock::now() + 30s;
    std::string said;
    while (said.find("asking it again") == std::string::npos) {
        REQUIRE_MESSAGE(std::chrono::steady_clock::now() < until, said);
        said = test::text_of_file(err);
    }
    hasty.rig.log.release();
    submit.close_input();
    std::size_t opened = 0;
    for (std::string line = submit.read_line(); !line.empty(); line = submit.read_line())
        opened += line.find("\"accepted\":true") != std::string::npos ? 1U : 0U;
    CHECK(submit.wait() == 0);
    CHECK(opened == static_cast<std::size_t>(std::ranges::count(test::kSmallBooks, '\n')));
}
