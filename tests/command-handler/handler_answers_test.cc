#include "events/entries/codec.h"
#include "events/money/shard_of.h"
#include "tests/command-handler/handler_rig.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;

/// Blocks until so many commits wait to become durable. A question is answered between two rounds
/// of the loop, so that asking makes time pass.
void await_in_flight(HandlerRig& rig, std::size_t commits) {
    while (rig.log.commits_in_flight() < commits)
        rig.handler->find_account(LedgerId(0), account_id(0));
}

std::vector<Outcome> outcomes(std::span<const Answered> answered) {
    std::vector<Outcome> all;
    for (const Answered& each : answered) all.push_back(each.outcome);
    return all;
}

/// A member of a batch that holds these bytes, whatever they are.
void append_raw(Bytes& batch, const Bytes& member) {
    batch.push_back(std::byte{0x0a});
    for (std::size_t rest = member.size();; rest >>= 7) {
        const bool is_last = rest < 0x80;
        batch.push_back(static_cast<std::byte>((rest & 0x7f) | (is_last ? 0 : 0x80)));
        if (is_last) break;
    }
    batch.insert(batch.end(), member.begin(), member.end());
}

}  // namespace

TEST_CASE("answers: given only when durable, and in order") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(2, 1'000);
    const std::size_t before = rig.answers.count();
    rig.log.hold();
    const std::vector<Command> first{transfer(1, 1, 2, 10)};
    const std::vector<Command> second{transfer(2, 1, 2, 20)};
    const Offset a = rig.send(first);
    await_in_flight(rig, 1);
    const Offset b = rig.send(second);
    await_in_flight(rig, 2);
    // Decided with the commits before it still on their way, and a repeat of one of them.
    const Offset repeat = rig.send(first);
    for (int i = 0; i < 5; ++i)
        CHECK(rig.handler->find_entry(LedgerId(0), command_id(2)).has_value());
    CHECK(rig.answers.count() == before);
    rig.log.release(1);
    CHECK(rig.answers.wait(kShard0, a, 1).at(0).outcome == Outcome::posted);
    CHECK(rig.answers.look(kShard0, b).empty());
    CHECK(rig.answers.look(kShard0, repeat).empty());
    rig.log.release();
    CHECK(rig.answers.wait(kShard0, b, 1).at(0).outcome == Outcome::posted);
    const Answered again = rig.answers.wait(kShard0, repeat, 1).at(0);
    CHECK(again.repeated);
    CHECK(again.outcome == Outcome::posted);
    rig.stop();
    CHECK(fold(rig).outcomes.size() == 5 + 2);
}

TEST_CASE(
    "answers: a repeat within a batch, in a later one, and after restarts gets the first outcome") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(2, 100);
    const Command refused = transfer(1, 1, 2, 101);
    const Command posted = transfer(2, 1, 2, 40);
    const auto first = rig.play({refused, posted, refused, posted});
    CHECK(outcomes(first) == std::vector{Outcome::insufficient_funds, Outcome::posted,
                                         Outcome::insufficient_funds, Outcome::posted});
    CHECK_FALSE(first[0].repeated);
    CHECK_FALSE(first[1].repeated);
    const std::size_t events = fold(rig).event_count();
    const auto check = [&](const Answered& again, const Answered& before) {
        CHECK(again.repeated);
        CHECK(again.outcome == before.outcome);
        CHECK(again.record == before.record);
        CHECK(again.event == before.event);
        CHECK(again.facts == before.facts);
        CHECK(again.asset == before.asset);
    };
    check(first[2], first[0]);
    check(first[3], first[1]);
    CHECK(first[0].facts.available == AmountFact{false, Amount(100)});
    CHECK(first[0].facts.account == account_id(1));
    CHECK(first[0].asset == *Asset::make("EUR", Scale(2)));
    // The funds are there now; the refusal stays.
    rig.play({transfer(3, 0, 1, 1'000)});
    check(rig.play_one(refused), first[0]);
    CHECK(fold(rig).event_count() == events + 1);
    SUBCASE("restart") {
        rig.stop();
        rig.start();
    }
    SUBCASE("crash") {
        rig.crash();
        rig.start();
    }
    SUBCASE("restart without store and snapshot") {
        rig.stop();
        std::filesystem::remove_all(rig.options.directory);
        rig.start();
    }
    check(rig.play_one(posted), first[1]);
    check(rig.play_one(refused), first[0]);
}

TEST_CASE("answers: other content under a known id is a conflict, and the first outcome stands") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(3, 100);
    CHECK(rig.play_one(transfer(1, 1, 2, 40)).outcome == Outcome::posted);
    for (int round = 0; round < 2; ++round) {
        const auto told = rig.play({transfer(1, 1, 2, 41), transfer(1, 1, 3, 40),
                                    place_hold(1, 1, 2, 40), transfer(1, 1, 2, 40)});
        CHECK(outcomes(told) == std::vector{Outcome::conflict, Outcome::conflict, Outcome::conflict,
                                            Outcome::posted});
        CHECK(told[3].repeated);
        rig.stop();
        rig.start();
    }
    const LogFold folded = fold(rig);
    CHECK(folded.account(1)->totals.debits_posted == Amount(40));
    CHECK(folded.account(3)->totals.credits_posted == Amount(100));
    std::size_t conflicts = 0;
    for (const auto& record : folded.records) {
        for (const std::string& event : record.events) conflicts += event == "conflict" ? 1U : 0U;
    }
    CHECK(conflicts == 6);
}

TEST_CASE("answers: what cannot be read is refused, recorded, and harms nothing beside it") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(2, 100);
    Bytes garbage(300, std::byte{0xff});
    const Offset bad = rig.send_bytes(garbage);
    const auto told = rig.answers.wait(kShard0, bad, 1);
    CHECK(outcomes(told) == std::vector{Outcome::malformed});
    CHECK(told[0].id.is_zero());

    Bytes mixed;
    append_to_batch(transfer(1, 1, 2, 10), mixed);
    Command nameless = transfer(2, 1, 2, 10);
    nameless.id = CommandId();
    append_to_batch(nameless, mixed);
    append_raw(mixed, Bytes(kCommandBytesMax + 1, std::byte{0}));
    append_raw(mixed, Bytes(20, std::byte{0xff}));
    append_to_batch(set_clock(3, 5), mixed);
    append_to_batch(transfer(4, 1, 2, 10), mixed);
    const auto members = rig.answers.wait(kShard0, rig.send_bytes(mixed), 6);
    CHECK(outcomes(members) == std::vector{Outcome::posted, Outcome::malformed, Outcome::too_large,
                                           Outcome::malformed, Outcome::malformed,
                                           Outcome::posted});
    CHECK(members[1].field == "id");
    CHECK(members[4].field == "set_clock");
    // An empty batch says nothing and is answered by nothing.
    rig.send_bytes({});
    CHECK(rig.play_one(transfer(5, 1, 2, 10)).outcome == Outcome::posted);
    rig.stop();
    const LogFold folded = fold(rig);
    std::vector<std::string> unreadable;
    for (const auto& record : folded.records) {
        for (const std::string& event : record.events) {
            if (event.starts_with("unreadable")) unreadable.push_back(event);
        }
    }
    CHECK(unreadable == std::vector<std::string>{"unreadable batch malformed",
                                                 "unreadable 1 malformed", "unreadable 2 too_large",
                                                 "unreadable 3 malformed",
                                                 "unreadable 4 malformed"});
    CHECK(folded.account(2)->totals.credits_posted == Amount(130));
    rig.start();
    CHECK(rig.play_one(transfer(4, 1, 2, 10)).repeated);
}

TEST_CASE("answers: groups and their members, repeated and refused") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(3, 100);
    const std::vector<Command> good{transfer(1, 1, 2, 60), place_hold(2, 2, 3, 150)};
    const std::vector<Command> bad{transfer(3, 1, 2, 40), transfer(4, 1, 2, 1)};
    const auto told = rig.play({group(10, good), group(11, bad)});
    CHECK(outcomes(told) == std::vector{Outcome::done, Outcome::group_failed});
    CHECK(told[0].members ==
          std::vector<MemberOutcome>{{Outcome::posted, false}, {Outcome::held, false}});
    CHECK(told[1].members == std::vector<MemberOutcome>{{Outcome::group_failed, false},
                                                        {Outcome::insufficient_funds, false}});
    CHECK(told[1].facts.available == AmountFact{false, Amount(0)});
    for (int round = 0; round < 2; ++round) {
        const auto again =
            rig.play({good[0], good[1], bad[0], bad[1], group(11, bad), transfer(3, 1, 2, 41)});
        CHECK(outcomes(again) == std::vector{Outcome::posted, Outcome::held, Outcome::group_failed,
                                             Outcome::insufficient_funds, Outcome::group_failed,
                                             Outcome::conflict});
        for (std::size_t i = 0; i < 5; ++i) CHECK(again[i].repeated);
        CHECK(again[3].facts == told[1].facts);
        CHECK(again[2].facts == Facts{});
        CHECK(again[4].members == told[1].members);
        rig.stop();
        rig.start();
    }
    // An accepted member succeeds without effect; what another group undid has had its outcome.
    const std::vector<Command> mixed{good[0], transfer(5, 1, 2, 40)};
    const Answered done = rig.play_one(group(12, mixed));
    CHECK(done.outcome == Outcome::done);
    CHECK(done.members ==
          std::vector<MemberOutcome>{{Outcome::posted, true}, {Outcome::posted, false}});
    CHECK(fold(rig).account(1)->totals.debits_posted == Amount(100));
}

TEST_CASE("questions: accounts, holds and entries as decided, durable or not") {
    HandlerRig rig;
    rig.start();
    rig.open_accounts(3, 100);
    const LedgerId ledger(0);
    const Asset euro = *Asset::make("EUR", Scale(2));
    rig.log.hold();
    rig.send(std::vector{open_account(1, 9), place_hold(2, 1, 2, 30), place_hold(3, 1, 2, 5),
                         capture(4, 3, 1, 5), transfer(5, 2, 3, 7), transfer(6, 2, 3, 1'000'000),
                         reverse(7, 5, 3)});
    await_in_flight(rig, 1);
    CHECK(rig.handler->find_account(ledger, account_id(9))->asset == euro);
    CHECK_FALSE(rig.handler->find_account(ledger, account_id(10)));
    CHECK_FALSE(rig.handler->find_account(LedgerId(1), account_id(9)));
    const auto open = rig.handler->find_hold(ledger, command_id(2));
    REQUIRE(open.has_value());
    CHECK(open->payer == account_id(1));
    rig.log.release();
    const auto check = [&] {
        const auto closed = rig.handler->find_hold(ledger, command_id(3));
        REQUIRE(closed.has_value());
        CHECK(closed->payer == account_id(1));
        CHECK_FALSE(rig.handler->find_hold(ledger, command_id(5)));
        const auto entry = rig.handler->find_entry(ledger, command_id(5));
        REQUIRE(entry.has_value());
        CHECK(entry->postings == std::vector<Posting>{{account_id(2), Side::debit, Amount(7)},
                                                      {account_id(3), Side::credit, Amount(7)}});
        CHECK(rig.handler->find_entry(ledger, command_id(4)).has_value());
        CHECK_FALSE(rig.handler->find_entry(ledger, command_id(6)));
        CHECK_FALSE(rig.handler->find_entry(ledger, command_id(2)));
        CHECK_FALSE(rig.handler->find_entry(ledger, command_id(99)));
        CHECK_FALSE(rig.handler->find_entry(LedgerId(1), command_id(5)));
    };
    check();
    rig.stop();
    rig.start();
    check();
    REQUIRE(rig.handler->stop().has_value());
    const auto account = rig.handler->find_account(ledger, account_id(9));
    CHECK_FALSE(account);
    REQUIRE(account.unknown);
    CHECK(account.unknown->fault.message == "the handler is stopping");
    CHECK(rig.handler->find_entry(ledger, command_id(5)).unknown);
    CHECK(rig.handler->stopped().empty());
}

TEST_CASE("questions: many threads ask while commands go on") {
    HandlerRig rig(2);
    rig.start();
    std::array<std::vector<std::uint64_t>, 2> local;
    for (std::uint64_t i = 1; i <= 40; ++i) local[shard_of(account_id(i), 2).value()].push_back(i);
    for (std::uint32_t shard = 0; shard < 2; ++shard) {
        std::vector<Command> open;
        for (const std::uint64_t i : local[shard])
            open.push_back(open_account(1000 + i, i, Limit::unlimited()));
        rig.play(open, ShardId(shard));
    }
    std::vector<std::thread> threads;
    std::array<int, 3> wrong{};
    for (std::size_t t = 0; t < wrong.size(); ++t) {
        threads.emplace_back([&, t] {
            for (std::uint64_t i = 1; i <= 40; ++i) {
                if (!rig.handler->find_account(LedgerId(0), account_id(i))) ++wrong[t];
                if (rig.handler->find_account(LedgerId(0), account_id(i + 100))) ++wrong[t];
                rig.handler->find_entry(LedgerId(0), command_id(i));
                rig.handler->find_hold(LedgerId(0), command_id(i));
            }
        });
    }
    for (std::uint64_t i = 0; i < 100; ++i) {
        const std::uint32_t shard = i % 2;
        const auto told =
            rig.play({transfer(i, local[shard][0], local[shard][1], 1)}, ShardId(shard));
        CHECK(told[0].outcome == Outcome::posted);
    }
    for (std::thread& each : threads) each.join();
    CHECK(wrong == std::array<int, 3>{});
    rig.stop();
}

TEST_CASE("two shards: each posts its own, and an entry that spans both is refused") {
    HandlerRig rig(2);
    rig.start();
    std::array<std::vector<std::uint64_t>, 2> local;
    for (std::uint64_t i = 1; local[0].size() < 2 || local[1].size() < 2; ++i)
        local[shard_of(account_id(i), 2).value()].push_back(i);
    for (std::uint32_t shard = 0; shard < 2; ++shard) {
        const auto& mine = local[shard];
        const auto told = rig.play(
            {open_account(10 + shard, mine[0], Limit::unlimited()),
             open_account(20 + shard, mine[1]), transfer(30 + shard, mine[0], mine[1], 50)},
            ShardId(shard));
        CHECK(outcomes(told) == std::vector{Outcome::opened, Outcome::opened, Outcome::posted});
    }
    const std::array postings{Posting{account_id(local[0][0]), Side::debit, Amount(5)},
                              Posting{account_id(local[1][1]), Side::credit, Amount(5)}};
    Command entry = transfer(40, 0, 0, 0);
    entry.body = PostEntry{postings};
    const Answered across = rig.play({entry}, ShardId(0)).at(0);
    CHECK(across.outcome == Outcome::not_supported_across_shards);
    CHECK(across.facts.account == account_id(local[1][1]));
    rig.stop();
    rig.start();
    CHECK(rig.play({entry}, ShardId(0)).at(0).repeated);
    CHECK(rig.play({transfer(30, local[0][0], local[0][1], 50)}, ShardId(0)).at(0).repeated);
    rig.stop();
    for (std::uint32_t shard = 0; shard < 2; ++shard) {
        const LogFold folded = fold(rig, ShardId(shard));
        CHECK(folded.accounts.size() == 2);
        CHECK(folded.account(local[shard][1])->totals.credits_posted == Amount(50));
        CHECK(folded.account(local[shard][1])->totals.debits_posted == Amount(0));
        CHECK(folded.account(local[1 - shard][1]) == nullptr);
    }
}
