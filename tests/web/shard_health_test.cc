#include "tools/vouch/http/shard_health.h"

#include <doctest/doctest.h>

#include <span>
#include <string>
#include <vector>

// What a server tells of a shard on which commands were set aside: a handler that has some.

namespace {

using namespace vouch;
using namespace vouch::command_handler;

class IsolatingHandler final : public Handler {
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
    std::vector<HeldBack> held_back() const override { return {}; }
    IsolatedInputs isolated(ShardId shard) const override {
        return shard == ShardId(1) ? IsolatedInputs{3, Offset(812)} : IsolatedInputs{};
    }
    Status stop() override { return {}; }
    std::span<const std::string> warnings() const override { return {}; }
};

}  // namespace

TEST_CASE("shard health: commands that were set aside are told, and are a finding") {
    Deployment deployment;
    deployment.shards = 2;
    IsolatingHandler handler;
    http::LedgerParts parts;
    parts.deployment = &deployment;
    parts.handler = &handler;
    const std::vector<http::ShardHealth> health = http::health_of(parts);
    REQUIRE(health.size() == 2);
    CHECK_FALSE(health[0].has_finding());
    CHECK(health[0].text().empty());
    CHECK(health[1].has_finding());
    CHECK(health[1].is_whole());
    CHECK(health[1].text() ==
          "ALARM: shard 1: commands on which the process died, recorded as unreadable: 3 since the "
          "start, the last at offset 812\n");
    CHECK(http::status_json(parts, true, "", health) ==
          R"({"ready":true,"detail":"","shards":[{"shard":0,"handler":"running"},)"
          R"({"shard":1,"handler":"running","isolated":{"count":3,"last_offset":812}}]})"
          "\n");
}
