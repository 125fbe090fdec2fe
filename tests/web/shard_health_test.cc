#include "tools/vouch/http/shard_health.h"

#include <doctest/doctest.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

// What a server tells of shards that go on although something is wrong: the text is that of /readyz,
// the JSON that of /status.

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
    Status stop() override { return {}; }
    std::span<const std::string> warnings() const override { return {}; }

    std::optional<ShardId> isolating{};
    std::vector<HeldBack> held{};
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
    CHECK_FALSE(health[0].has_finding());
    CHECK(health[0].text().empty());
    CHECK(health[1].has_finding());
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
    CHECK(health[0].has_finding());
    CHECK(health[0].is_whole());
    CHECK(health[0].text() ==
          "ALARM: shard 0 takes no steps of shard 1 until the next start: shard 1 record 7: its bytes "
          "are not those of \"tag\"\n");
    // The sender itself is well.
    CHECK_FALSE(health[1].has_finding());
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
