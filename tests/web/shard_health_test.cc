#include "tools/server/http/api/shard_health.h"

#include "tests/support/simulated_log.h"
#include "tests/support/wrapped_log.h"

#include <doctest/doctest.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

// What a server tells of shards that go on although something is wrong: the text is that of
// /readyz, the JSON that of /status.

namespace {

using namespace vouch;
using namespace vouch::command_handler;

class UnwellHandler final : public Handler {
public:
    LookUp<KnownAccount> find_account(LedgerId, AccountId) override { return {}; }
    LookUp<KnownHold> find_hold(LedgerId, CommandId) override { return {}; }
    LookUp<KnownEntry> find_entry(LedgerId, CommandId) override { return {}; }
    LookUp<KnownCommand> find_command(const Command&, std::optional<ShardId>) override {
        return {};
    }
    bool may_have_seen(ShardId, LedgerId, CommandId) const override { return false; }
    std::optional<StoppedShard> stop_of(ShardId) const override { return {}; }
    std::vector<StoppedShard> stopped() const override { return {}; }
    std::optional<StoppedShard> stop_between(ShardId, ShardId) const override { return {}; }
    std::vector<HeldBack> held_back() const override { return held; }
    IsolatedInputs isolated(ShardId shard) const override {
        return shard == isolating ? IsolatedInputs{3, Offset(812)} : IsolatedInputs{};
    }
    bool has_clock_leapt(ShardId shard) const override { return shard == leaping; }
    std::uint64_t in_transit(ShardId) const override { return 0; }
    Status stop() override { return {}; }
    std::span<const std::string> warnings() const override { return {}; }

    std::optional<ShardId> isolating{};
    std::optional<ShardId> leaping{};
    std::vector<HeldBack> held{};
};

class AlarmedLog final : public test::WrappedLog {
public:
    using WrappedLog::WrappedLog;
    std::vector<LogAlarm> alarms() override { return told; }
    std::optional<Fault> waits() override { return waiting; }

    std::vector<LogAlarm> told;
    std::optional<Fault> waiting;
};

struct Server {
    Server() {
        deployment.shards = 2;
        parts.deployment = &deployment;
        parts.handler = &handler;
    }
    std::string status() { return http::status_json(parts, true, "", http::health_of(parts)); }

    Deployment deployment;
    UnwellHandler handler;
    http::LedgerParts parts;
};

}  // namespace

TEST_CASE("shard health: commands that were set aside are told, and are a finding") {
    Server server;
    server.handler.isolating = ShardId(1);
    const std::vector<http::ShardHealth> health = http::health_of(server.parts);
    REQUIRE(health.size() == 2);
    CHECK(health[0].text().empty());
    CHECK(health[1].is_whole());
    CHECK(health[1].text() ==
          "ALARM: shard 1: commands on which the process died, recorded as unreadable: 3 since the "
          "start, the last at offset 812\n");
    CHECK(server.status() ==
          R"({"ready":true,"detail":"","shards":[{"shard":0,"handler":"running"},)"
          R"({"shard":1,"handler":"running","isolated":{"count":3,"last_offset":812}}]})"
          "\n");
}

TEST_CASE("shard health: who takes no steps of another shard says so, and is a finding") {
    Server server;
    const Fault fault{FaultCode::corrupt, "shard 1 record 7: its bytes are not those of \"tag\""};
    server.handler.held = {{.sender = ShardId(1), .by = ShardId(0), .fault = fault}};
    const std::vector<http::ShardHealth> health = http::health_of(server.parts);
    REQUIRE(health.size() == 2);
    CHECK(health[0].is_whole());
    CHECK(health[0].text() ==
          "ALARM: shard 0 takes no steps of shard 1 until the next start: shard 1 record 7: its bytes "
          "are not those of \"tag\"\n");
    // What crosses between the two waits for it.
    const projector::WayOn way_on =
        way_on_between(http::shards_at_work(server.parts), ShardId(0), ShardId(1));
    CHECK(way_on.reason == projector::PendingReason::held_back);
    CHECK(way_on.text.find(health[0].held_back.at(0)) == 0);
    // The sender itself is well.
    CHECK(health[1].text().empty());
    CHECK(server.status() ==
          R"({"ready":true,"detail":"","shards":[{"shard":0,"handler":"running",)"
          R"("held_back":["shard 0 takes no steps of shard 1 until the next start: )"
          R"(shard 1 record 7: its bytes are not those of \"tag\""]},)"
          R"({"shard":1,"handler":"running"}]})"
          "\n");
    // A shard may hold back several.
    server.handler.held.push_back({.sender = ShardId(2), .by = ShardId(0), .fault = fault});
    CHECK(http::health_of(server.parts)[0].held_back.size() == 2);
    CHECK(server.status().find("\",\"shard 0 takes no steps of shard 2 ") != std::string::npos);
}

TEST_CASE("shard health: a clock that has leapt is told as long as it is not back") {
    Server server;
    CHECK(http::findings_text(server.parts, http::health_of(server.parts)).empty());
    server.handler.leaping = ShardId(1);
    const std::vector<http::ShardHealth> health = http::health_of(server.parts);
    CHECK(health[1].is_whole());
    CHECK(http::findings_text(server.parts, health) ==
          "ALARM: shard 1: the clock has leapt forward; time goes on as the machine counts it\n");
    CHECK(server.status().ends_with(R"({"shard":1,"handler":"running","clock_leap":true}]})"
                                    "\n"));
}

TEST_CASE("shard health: what is wrong around the log is told beside the shards") {
    Server server;
    SimulatedLog files(2);
    AlarmedLog log(files);
    server.parts.log = &log;
    CHECK(http::findings_text(server.parts, http::health_of(server.parts)).empty());
    CHECK(server.status().ends_with(R"({"shard":1,"handler":"running"}]})"
                                    "\n"));
    const auto reason = [&] {
        return way_on_between(http::shards_at_work(server.parts), ShardId(0), ShardId(1)).reason;
    };
    CHECK(reason() == projector::PendingReason::under_way);
    log.waiting = Fault{FaultCode::retriable, "no room"};
    CHECK(reason() == projector::PendingReason::log_waits);
    server.handler.isolating = ShardId(1);
    log.told = {{"topic \"a\" stands still", Timestamp(1'000'001)}, {"another", Timestamp(0)}};
    CHECK(http::findings_text(server.parts, http::health_of(server.parts)) ==
          http::health_of(server.parts)[1].text() +
              "ALARM: topic \"a\" stands still (since 1970-01-01T00:00:01.000001Z)\n"
              "ALARM: another (since 1970-01-01T00:00:00.000000Z)\n");
    CHECK(server.status().ends_with(
        R"("last_offset":812}}],"alarms":[)"
        R"({"since":"1970-01-01T00:00:01.000001Z","what":"topic \"a\" stands still"},)"
        R"({"since":"1970-01-01T00:00:00.000000Z","what":"another"}]})"
        "\n"));
}
