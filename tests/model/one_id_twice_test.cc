#include "projector/answers/answer_json.h"
#include "projector/queries/books.h"
#include "projector/views/follower.h"
#include "reconciler/replay/replay.h"
#include "tests/command-handler/handler_rig.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// Producers that raced sent one id to several shards, and each made an entry of it. What is undone
// of the one says nothing about the other: on the shard that both stand on, in its store, and in
// replay.

namespace {

using namespace vouch;
using namespace vouch::test;

constexpr std::uint64_t kEntry = 1'000;
constexpr std::uint64_t kPaid = 1'000;

/// Shards 0 and 1 pay into shard 2, which has accounts of its own.
struct Race {
    Race() : rig(3) {
        // Facts go through the store, too.
        rig.options.bounds.generation_facts = 4;
        rig.start();
        std::uint64_t id = 0;
        for (const std::uint64_t account : {first, second, payee, one, other}) {
            REQUIRE(rig.play_routed({open_account(++id, account, Limit::unlimited())})
                        .at(0)
                        .outcome == Outcome::opened);
        }
    }

    Outcome play(const Command& command) { return rig.play_routed({command}).at(0).outcome; }

    void check_replay() {
        rig.stop();
        reconciler::ReplayOptions options;
        options.keys = &rig.keys;
        options.threads = 1;
        const auto report = reconciler::replay(rig.log, rig.deployment, options);
        REQUIRE(report.has_value());
        CHECK((report->is_clean() ? "" : reconciler::to_text(*report)) == "");
    }

    /// Views of all that was recorded by now.
    projector::Books read_views() {
        auto opened = projector::ShardViews::open(rig.log, rig.deployment, rig.keys,
                                                  rig.directory.path() / "views",
                                                  projector::rocks_view_stores());
        REQUIRE(opened.has_value());
        views = *std::move(opened);
        for (std::uint32_t i = 0; i < rig.deployment.shards; ++i)
            REQUIRE(views->projector(ShardId(i)).catch_up_to_end().has_value());
        auto books = projector::Books::open(views->stores());
        REQUIRE(books.has_value());
        return *std::move(books);
    }

    /// What views say of the entry that shard 0 led: the sums refunded of its postings.
    std::vector<Amount> refunded_of_first() {
        projector::Books books = read_views();
        const auto entry = books.entry(LedgerId(0), command_id(kEntry));
        REQUIRE_MESSAGE(entry.has_value(), entry.error().message);
        REQUIRE(entry->has_value());
        std::vector<Amount> sums;
        for (const projector::EntryPosting& posting : (*entry)->postings)
            sums.push_back(posting.refunded);
        return sums;
    }

    HandlerRig rig;
    std::unique_ptr<projector::ShardViews> views;
    std::uint64_t first = rig.account_on(0), second = rig.account_on(1);
    std::uint64_t payee = rig.account_on(2, 0), one = rig.account_on(2, 1),
                  other = rig.account_on(2, 2);
};

Command refund_of(std::uint64_t id, std::uint64_t account, std::uint64_t amount,
                  std::uint32_t debit, std::uint32_t credit) {
    Command command = refund(id, kEntry, account, amount);
    Refund& body = std::get<Refund>(command.body);
    body.debit_posting = debit;
    body.credit_posting = credit;
    return command;
}

TEST_CASE("one id twice: an own entry's refunds are apart from those of one that was followed") {
    Race race;
    REQUIRE(race.play(transfer(kEntry, race.first, race.payee, kPaid)) == Outcome::posted);
    REQUIRE(race.play(freeze(20, race.first, Block::credits)) == Outcome::frozen);

    const std::array postings{
        Posting{account_id(race.payee), Side::debit, Amount(1'000)},
        Posting{account_id(race.one), Side::credit, Amount(400)},
        Posting{account_id(race.other), Side::credit, Amount(600)},
    };
    Command own = transfer(kEntry, 0, 0, 1);
    own.body = PostEntry{postings};
    // In one record: the refund of the followed entry is under way while the own one comes.
    const std::vector<Command> sent{refund(30, kEntry, race.payee, 100), own,
                                    refund_of(31, race.other, 500, 0, 2)};
    const Offset offset = race.rig.send(sent, ShardId(2));
    const auto told = race.rig.answers.wait_for_outcomes(ShardId(2), offset, sent.size());
    CHECK(told.at(0).outcome == Outcome::credits_frozen);
    CHECK(told.at(0).was_in_transit);
    CHECK(told.at(1).outcome == Outcome::posted);
    CHECK(told.at(2).outcome == Outcome::refunded);

    const Answered more = race.rig.play_routed({refund_of(32, race.other, 200, 0, 2)}).at(0);
    CHECK(more.outcome == Outcome::refund_exceeds_payment);
    REQUIRE(more.facts.remaining.has_value());
    CHECK(more.facts.remaining->amount == Amount(100));
    CHECK(race.play(refund_of(33, race.other, 100, 0, 2)) == Outcome::refunded);
    race.check_replay();
    CHECK(race.refunded_of_first() == std::vector<Amount>{Amount(), Amount()});
}

TEST_CASE("one id twice: a followed entry that was reversed does not reverse an own one") {
    Race race;
    REQUIRE(race.play(transfer(kEntry, race.first, race.payee, kPaid)) == Outcome::posted);
    REQUIRE(race.play(reverse(30, kEntry, race.payee)) == Outcome::reversed);
    REQUIRE(race.play(transfer(kEntry, race.one, race.other, 50)) == Outcome::posted);
    CHECK(race.play(reverse(31, kEntry, race.other)) == Outcome::reversed);
    CHECK(race.play(reverse(32, kEntry, race.other)) == Outcome::already_reversed);
    race.check_replay();
}

TEST_CASE("one id twice: entries of two other shards are refunded apart") {
    Race race;
    REQUIRE(race.play(transfer(kEntry, race.first, race.payee, kPaid)) == Outcome::posted);
    REQUIRE(race.play(refund(30, kEntry, race.payee, kPaid)) == Outcome::refunded);
    REQUIRE(race.play(transfer(kEntry, race.second, race.payee, 70)) == Outcome::posted);
    CHECK(race.play(refund(31, kEntry, race.payee, 70)) == Outcome::refunded);
    CHECK(race.play(refund(32, kEntry, race.payee, 1)) == Outcome::refund_exceeds_payment);
    race.check_replay();
}

TEST_CASE("one id twice: what a shard refuses to take back is of the entry that it led") {
    Race race;
    REQUIRE(race.play(transfer(kEntry, race.first, race.payee, kPaid)) == Outcome::posted);
    REQUIRE(race.play(freeze(20, race.first, Block::credits)) == Outcome::frozen);
    // The second entry comes before or after the refusal; it is the same either way.
    const Command back = refund(30, kEntry, race.payee, 400);
    const Command again = transfer(kEntry, race.second, race.payee, 70);
    const Offset refunding = race.rig.send({&back, 1}, ShardId(2));
    CHECK(race.rig.answers.wait(ShardId(2), refunding, 1).at(0).was_in_transit);
    const Offset paying = race.rig.send({&again, 1}, ShardId(1));
    CHECK(race.rig.answers.wait_for_outcomes(ShardId(1), paying, 1).at(0).outcome ==
          Outcome::posted);
    CHECK(race.rig.answers.wait_for_outcomes(ShardId(2), refunding, 1).at(0).outcome ==
          Outcome::credits_frozen);
    CHECK(race.play(refund(31, kEntry, race.payee, 70)) == Outcome::refunded);
    race.check_replay();
}

/// "0:5:12 1:9:20": shard, record and event of each.
std::string places(const std::vector<projector::RecordedAt>& recorded) {
    std::string text;
    for (const projector::RecordedAt& each : recorded) {
        if (!text.empty()) text += ' ';
        text += std::to_string(each.shard.value()) + ':' + std::to_string(each.record.value()) +
                ':' + std::to_string(each.event.value());
    }
    return text;
}

TEST_CASE("one id twice: a question by id is answered by one shard, and tells where the others are") {
    Race race;
    std::string first, others;
    const auto send = [&](const std::vector<Command>& commands) {
        first.clear(), others.clear();
        for (const Command& command : commands) {
            const Answered told = race.rig.play_routed({command}).at(0);
            CHECK(is_accepted(told.outcome));
            const ShardId shard = home_of(command, race.rig.deployment.shards);
            std::string& text = first.empty() ? first : others;
            if (!others.empty()) text += ' ';
            text += places({{shard, told.record, told.event, {}}});
        }
    };
    const auto check = [&](const auto& answer) {
        REQUIRE_MESSAGE(answer.has_value(), answer.error().message);
        REQUIRE(answer->has_value());
        CHECK(places((*answer)->others) == others);
        const std::string json = projector::to_json(**answer);
        CHECK((json.find("\"others\":[{\"time\"") != std::string::npos) == !others.empty());
    };
    SUBCASE("an entry, its crossing and its outcome") {
        send({transfer(kEntry, race.first, race.payee, 10),
              transfer(kEntry, race.second, race.payee, 20),
              transfer(kEntry, race.one, race.other, 30)});
        projector::Books books = race.read_views();
        const auto outcome = books.outcome(LedgerId(0), command_id(kEntry));
        check(outcome);
        CHECK(places({(*outcome)->recorded}) == first);
        const auto entry = books.entry(LedgerId(0), command_id(kEntry));
        check(entry);
    }
    SUBCASE("a hold") {
        send({place_hold(kEntry, race.first, race.payee, 10),
              place_hold(kEntry, race.second, race.payee, 20),
              place_hold(kEntry, race.one, race.other, 30)});
        projector::Books books = race.read_views();
        check(books.outcome(LedgerId(0), command_id(kEntry)));
        check(books.hold(LedgerId(0), command_id(kEntry)));
    }
    SUBCASE("of an id that only the last shard knows, there are none") {
        send({transfer(kEntry, race.one, race.other, 30)});
        projector::Books books = race.read_views();
        check(books.outcome(LedgerId(0), command_id(kEntry)));
        check(books.entry(LedgerId(0), command_id(kEntry)));
    }
}

}  // namespace
