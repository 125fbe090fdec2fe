#include "reconciler/replay/replay.h"

#include "events/money/shard_of.h"
#include "tests/reconciler/played_log.h"
#include "tests/reconciler/small_books.h"
#include "tests/support/simulated_log.h"
#include "tests/support/transfer_log.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::test;

/// Logs of these seeds: every third is of three shards.
void check_played(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        CAPTURE(seed);
        const SealedDeployment sealed = make_sealed_deployment(seed % 3 == 0 ? 3 : 1);
        RecordList records = make_busy_log(sealed, seed, 400);
        const reconciler::ReplayReport report = replay_list(records, sealed);
        CHECK(text_of_findings(report) == "");
        CHECK(report.trial_balance.is_even());
        CHECK(report.events > 100);
    }
}

TEST_CASE("replay: what the command handler writes is clean, whatever is asked of it") {
    check_played(1, 6);
}

TEST_CASE("replay: what it writes is clean for more seeds" * doctest::test_suite("same-threads")) {
    check_played(7, 24);
}

/// A log beside running writers: ends are seen as they were at some moment, and later ones
/// afterwards.
class RunningLog final : public LogReader {
public:
    RunningLog(RecordList& all, std::vector<RecordNumber> ends)
        : all_(all), ends_(std::move(ends)), looks_(all.shard_count()) {}

    std::uint32_t shard_count() const override { return all_.shard_count(); }
    Result<RecordNumber> end(ShardId shard) override {
        const std::size_t look = looks_[shard.value()]++;
        if (look == 0) return RecordNumber(0);
        return look == 1 ? Result<RecordNumber>(ends_[shard.value()]) : all_.end(shard);
    }
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override {
        return all_.read_records(shard, from, bytes_max, out);
    }
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override {
        return all_.read_range(shard, record, offset, size, out);
    }

private:
    RecordList& all_;
    std::vector<RecordNumber> ends_;
    std::vector<std::size_t> looks_;
};

/// What an event is among those that cross, for a count of kinds: "transit place_hold", "answered
/// transfer refused". Empty for the others.
/// `kinds` has the commands in transit so far.
std::string kind_of(const Event& event, std::map<CommandId, std::string>& kinds) {
    const auto verdict = [](Outcome outcome) { return is_accepted(outcome) ? "" : " refused"; };
    if (const auto* sent = std::get_if<CommandInTransit>(&event)) {
        kinds[sent->command.id] = kind_name(sent->command.body);
        return "transit " + kinds[sent->command.id];
    }
    if (const auto* answered = std::get_if<CommandAnswered>(&event))
        return "answered " + kinds[answered->id] + verdict(answered->outcome);
    if (const auto* followed = std::get_if<StepFollowed>(&event)) {
        static constexpr const char* kKinds[] = {"credit",  "hold",   "capture",
                                                 "release", "answer", "forward"};
        return "followed " + std::string(kKinds[followed->step.kind.index()]) +
               verdict(followed->outcome) + (followed->moved ? " in part" : "");
    }
    if (std::holds_alternative<CommandForwarded>(event)) return "forwarded";
    return {};
}

TEST_CASE(
    "replay: the logs that are played hold all that crosses" *
    doctest::test_suite("same-threads")) {
    std::map<std::string, std::size_t> counts;
    std::map<CommandId, std::string> kinds;
    for (std::uint64_t seed = 20; seed <= 26; ++seed) {
        const SealedDeployment sealed = make_sealed_deployment(3);
        RecordList records = make_busy_log(sealed, seed, 400);
        LogDraft draft = LogDraft::read(records, sealed.deployment());
        for (std::uint32_t shard = 0; shard < 3; ++shard) {
            for (const DraftRecord& record : draft.shard(ShardId(shard))) {
                for (const Event& event : record.events) ++counts[kind_of(event, kinds)];
            }
        }
    }
    for (const std::string kind :
         {"transit transfer", "transit place_hold", "transit capture_hold", "followed credit",
          "followed credit refused", "followed hold", "followed hold refused", "answered transfer",
          "answered transfer refused", "answered place_hold", "answered place_hold refused",
          "answered capture_hold"}) {
        CAPTURE(kind);
        CHECK(counts[kind] > 0);
    }
}

/// A name whose account lives on a shard of two.
std::string name_on(ShardId shard, std::string_view prefix) {
    for (int i = 0;; ++i) {
        std::string name = std::string(prefix) + std::to_string(i);
        if (shard_of(account_of(name), 2) == shard) return name;
    }
}

TEST_CASE("replay: what comes back across shards on purpose is clean") {
    const SealedDeployment sealed = make_sealed_deployment(2);
    const std::string payer = name_on(ShardId(0), "payer");
    const std::string payee = name_on(ShardId(1), "payee");
    Scenario scenario;
    const auto then = [&](std::string_view id, const CommandBody& body,
                          std::string_view account_name = {}) {
        ScenarioBatch batch;
        batch.after_us = 1'000'000;
        OwnedCommand command;
        command.head.id = command_of(id);
        command.head.body = body;
        command.account_name = account_name;
        batch.commands.push_back(command);
        scenario.batches.push_back(batch);
    };
    OpenAccount open;
    open.asset = *Asset::parse("EUR/2");
    open.account_class = AccountClass::liability;
    open.limit = Limit::unlimited();
    open.account = account_of(payer);
    then("o1", open, payer);
    open.account = account_of(payee);
    then("o2", open, payee);
    then("t1", Transfer{account_of(payer), account_of(payee), Amount(100), Balancing::none});
    then("t2", Transfer{account_of(payer), account_of(payee), Amount(50), Balancing::none});
    then("v1", Reverse{command_of("t1"), account_of(payee)});
    Refund refund;
    refund.entry = command_of("t2");
    refund.account = account_of(payee);
    refund.amount = Amount(20);
    then("f1", refund);
    refund.amount.reset();
    then("f2", refund);
    // Frozen, the payer refuses what comes back.
    then("t3", Transfer{account_of(payer), account_of(payee), Amount(30), Balancing::none});
    then("z1", FreezeAccount{account_of(payer), Block::credits});
    refund.entry = command_of("t3");
    refund.amount = Amount(10);
    then("f3", refund);
    then("v3", Reverse{command_of("t3"), account_of(payee)});
    PlaceHold place;
    place.debit = account_of(payer);
    place.credit = account_of(payee);
    place.amount = Amount(40);
    then("h1", place);
    then("c1", CaptureHold{command_of("h1"), account_of(payer), Amount(15), true, {}});
    then("r1", ReleaseHold{command_of("h1"), account_of(payer)});
    place.credit = {};
    then("h2", place);
    then("c2",
         CaptureHold{command_of("h2"), account_of(payer), Amount(5), true, account_of(payee)});
    RecordList records = play_scenario(sealed, scenario);
    const auto report = replay_list(records, sealed);
    CHECK(text_of_findings(report) == "");
    CHECK(report.shards[0].in_transit + report.shards[1].in_transit == 0);
    LogDraft draft = LogDraft::read(records, sealed.deployment());
    std::map<std::string, std::size_t> counts;
    std::map<CommandId, std::string> kinds;
    for (const ShardId shard : {ShardId(0), ShardId(1)}) {
        for (const DraftRecord& record : draft.shard(shard)) {
            for (const Event& event : record.events) ++counts[kind_of(event, kinds)];
        }
    }
    CHECK(counts["answered reverse"] == 1);
    CHECK(counts["answered reverse refused"] == 1);
    CHECK(counts["answered refund"] == 2);
    CHECK(counts["answered refund refused"] == 1);
    CHECK(counts["answered release_hold"] == 1);
    CHECK(counts["answered capture_hold"] == 2);
}

TEST_CASE(
    "replay: shards that send each other money are clean wherever they are cut" *
    doctest::test_suite("same-threads")) {
    constexpr std::uint32_t kShards = 3;
    std::uint64_t in_flight = 0;
    std::mt19937_64 random(17);
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        CAPTURE(seed);
        const SealedDeployment sealed = make_sealed_deployment(kShards);
        RecordList records = make_busy_log(sealed, seed, 400);
        for (std::size_t i = 0; i < 10; ++i) {
            CAPTURE(i);
            std::vector<RecordNumber> ends;
            for (std::uint32_t shard = 0; shard < kShards; ++shard)
                ends.emplace_back(random() % (records.shard(ShardId(shard)).size() + 1));
            RunningLog log(records, ends);
            reconciler::ReplayOptions options;
            options.keys = &sealed.keys;
            options.threads = 1;
            const auto report = reconciler::replay(log, sealed.deployment(), options);
            REQUIRE(report.has_value());
            CHECK(text_of_findings(*report) == "");
            in_flight += report->steps_in_flight;
        }
    }
    CHECK(in_flight > 0);
}

TEST_CASE(
    "replay: 200,000 transfers are clean, and a run with one thread gives what one with three "
    "gives") {
    constexpr std::size_t kTransfers = 200'000;
    constexpr std::uint32_t kAccounts = 1'000;
    const SealedDeployment sealed = make_sealed_deployment();
    TransferLog maker(sealed, kAccounts);
    for (std::size_t i = 0; i < kTransfers; ++i) maker.transfer();
    RecordList records = maker.finish();
    const auto one = replay_list(records, sealed);
    const auto three = replay_list(records, sealed,
                                   [](reconciler::ReplayOptions& options) { options.threads = 3; });
    CHECK(text_of_findings(one) == "");
    CHECK(one.events == kTransfers + kAccounts + 1);
    CHECK(one.shards[0].accounts == kAccounts);
    CHECK(one.state_digest == three.state_digest);
    CHECK(text_of_findings(three) == "");
}

TEST_CASE("replay: the state digest tells states apart, and not how events lie in records") {
    const SealedDeployment sealed = make_sealed_deployment();
    RecordList records = make_busy_log(sealed, 3, 60);
    LogDraft draft = LogDraft::read(records, sealed.deployment());
    const std::optional<Digest> whole = replay_list(records, sealed).state_digest;
    REQUIRE(whole);
    // Two records of one time and epoch become one.
    std::vector<DraftRecord>& list = draft.shard(ShardId(0));
    bool is_joined = false;
    for (std::size_t i = 1; i + 1 < list.size() && !is_joined; ++i) {
        const bool has_head = !std::holds_alternative<CommandDecided>(list[i + 1].events[0]);
        if (list[i].header.time != list[i + 1].header.time || has_head) continue;
        if (std::holds_alternative<EpochSealed>(list[i].events.back())) continue;
        list[i].events.insert(list[i].events.end(), list[i + 1].events.begin(),
                              list[i + 1].events.end());
        list[i].header.next_command = list[i + 1].header.next_command;
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        is_joined = true;
    }
    REQUIRE(is_joined);
    RecordList joined = draft.seal(sealed.keys);
    const auto report = replay_list(joined, sealed);
    CHECK(text_of_findings(report) == "");
    CHECK(report.state_digest == whole);
    joined.shard(ShardId(0)).pop_back();
    RecordList shorter = records;
    bool differs = false;
    while (!differs && shorter.shard(ShardId(0)).size() > 2) {
        shorter.shard(ShardId(0)).pop_back();
        differs = replay_list(shorter, sealed).state_digest != whole;
    }
    CHECK(differs);
}

TEST_CASE("replay: a record that the log cannot read is one finding, and the rest is checked") {
    const SealedDeployment sealed = make_sealed_deployment();
    RecordList records = make_busy_log(sealed, 4, 80);
    std::size_t uneven = 0;
    const std::size_t last = records.shard(ShardId(0)).size() - 1;
    for (std::uint64_t damaged = 7; damaged < last; ++damaged) {
        SimulatedLog log(1);
        REQUIRE(write_to(log, records).has_value());
        log.damage(ShardId(0), RecordNumber(damaged));
        reconciler::ReplayOptions options;
        options.keys = &sealed.keys;
        options.threads = 2;
        const auto report = reconciler::replay(log, sealed.deployment(), options);
        REQUIRE(report.has_value());
        CAPTURE(text_of_findings(*report));
        REQUIRE(report->findings.count() >= 1);
        for (const reconciler::Finding& finding : report->findings.kept()) {
            CHECK(finding.check == reconciler::Check::unreadable);
            CHECK(finding.record == RecordNumber(damaged));
        }
        CHECK(report->records == records.shard(ShardId(0)).size() - 1);
        // What is left need not be even, which says nothing.
        if (!report->trial_balance.is_even()) ++uneven;
        CHECK(to_text(*report).find("UNEVEN") == std::string::npos);
        CHECK(to_json_lines(*report).find(R"("trial_balance_even":null)") != std::string::npos);
    }
    CHECK(uneven > 0);
}

}  // namespace
