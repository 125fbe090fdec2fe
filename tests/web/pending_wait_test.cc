#include "tests/command-handler/handler_rig.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wrapped_log.h"
#include "tests/web/served.h"
#include "tools/server/http/api/api_server.h"
#include "tools/server/http/api/view_questions.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

// What is pending is asked when something is wrong: of a log whose end nobody tells, or that cannot
// be read.

using namespace vouch;
using nlohmann::json;

namespace {

class EndlessLog final : public test::WrappedLog {
public:
    using WrappedLog::WrappedLog;
    Result<RecordNumber> end(ShardId shard) override {
        if (!says_no) return WrappedLog::end(shard);
        return Fault{code, "no end is told"};
    }
    std::optional<Fault> waits() override {
        return says_no ? std::optional(Fault{FaultCode::retriable, "nobody answers"})
                       : std::nullopt;
    }

    std::atomic<FaultCode> code{FaultCode::retriable};
    std::atomic<bool> says_no{false};
};

struct AskedServer {
    AskedServer() {
        REQUIRE(views);
        parts.deployment = &rig.deployment;
        parts.log = &log;
        parts.views = views->get();
        parts.program_version = "0";
        auto started = http::ApiServer::start(parts, {.host = "127.0.0.1", .port = 0}, 1);
        REQUIRE(started);
        server = std::move(*started);
        serving.store(server.get());
    }
    ~AskedServer() {
        serving.store(nullptr);
        (*views)->stop();
        CHECK(server->drain());
        server->stop();
    }
    AskedServer(const AskedServer&) = delete;

    std::string ask(const std::string& target, const std::string& accept) {
        test::Peer peer(server->url());
        REQUIRE(peer.send(test::get_request(target, accept)));
        return peer.read_answers(1).at(0);
    }

    test::HandlerRig rig;
    EndlessLog log{rig.log};
    test::TemporaryDirectory directory;
    std::atomic<http::ApiServer*> serving{nullptr};
    Result<std::unique_ptr<places::ViewFollower>> views = places::ViewFollower::start(
        log, rig.deployment, rig.keys, directory.path() / "views", [this] {
            if (http::ApiServer* const told = serving.load()) told->views_changed();
        });
    http::LedgerParts parts;
    std::unique_ptr<http::ApiServer> server;
};

}  // namespace

TEST_CASE("pending wait: while nobody tells the log's end, the answer says what it may lack") {
    AskedServer asked;
    asked.log.says_no = true;
    const std::string answer = asked.ask("/v1/pending?at_least=end", "");
    REQUIRE_MESSAGE(test::verdict_of(answer) == "200", answer);
    const json page = json::parse(test::body_of(answer));
    REQUIRE(page["not_covered"].size() == 1);
    CHECK(page["not_covered"][0]["shard"] == 0);
    CHECK(page["not_covered"][0]["detail"] ==
          "its view has not come to the log's end, or to the record asked for");
    CHECK(answer.find("\r\nVouch-Not-Covered: shard 0 is not covered: its view has not come") !=
          std::string::npos);
    // Other questions are not answered from what may be old.
    CHECK(test::verdict_of(asked.ask("/v1/trial-balance?at_least=end", "")) == "503 behind");
}

TEST_CASE("pending wait: nobody waits for a view that has stopped") {
    AskedServer asked;
    asked.log.code = FaultCode::corrupt;
    asked.log.says_no = true;
    // Once it is known to have stopped.
    REQUIRE(test::verdict_of(asked.ask("/v1/pending?at_least=end", "")) == "200");
    const auto before = std::chrono::steady_clock::now();
    const std::string answer =
        asked.ask("/v1/pending?at_least=end", "Accept: application/x-ndjson\r\n");
    CHECK(std::chrono::steady_clock::now() - before < http::kViewsWaitMax);
    REQUIRE_MESSAGE(test::verdict_of(answer) == "200", answer);
    CHECK(answer.find("\r\nVouch-Finding: not-covered\r\n") != std::string::npos);
    CHECK(answer.find("\r\nVouch-Not-Covered: shard 0 is not covered: its view has stopped: no end ") !=
          std::string::npos);
}
