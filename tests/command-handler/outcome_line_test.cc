#include "command-handler/gateway/outcome_line.h"

#include "command-handler/gateway/ordered_outcomes.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace vouch;
using namespace vouch::command_handler;

TEST_CASE("ordered_outcomes: in order, whatever is known first") {
    OrderedOutcomes outcomes;
    for (std::uint64_t line = 1; line <= 4; ++line) CHECK(outcomes.add() == line);
    outcomes.settle(3, "c");
    outcomes.settle(2, "");
    CHECK(outcomes.open() == 4);
    CHECK(outcomes.first_open() == 1);
    CHECK(!outcomes.is_settled(1));
    CHECK(outcomes.is_settled(2));
    CHECK(outcomes.ready() == "");
    outcomes.settle(1, "a");
    CHECK(outcomes.open() == 1);
    CHECK(outcomes.first_open() == 4);
    CHECK(outcomes.is_settled(1));
    CHECK(outcomes.ready() == "a\nc\n");
    outcomes.ready().clear();
    outcomes.settle(4, "d");
    CHECK(outcomes.ready() == "d\n");
}

TEST_CASE("outcome_line: accepted, refused, malformed, groups") {
    Answer answer;
    answer.id = CommandId(1, 2);
    answer.outcome = Outcome::posted;
    answer.record = RecordNumber(3);
    answer.event = EventNumber(17);
    CHECK(outcome_line(answer, ShardId(0), "t1", {}) ==
          R"({"id":"t1","accepted":true,"outcome":"posted","shard":0,"record":3,"event":17})");

    answer.answered = AnsweredBy{ShardId(2), RecordNumber(9)};
    CHECK(
        outcome_line(answer, ShardId(0), "t1", {}) ==
        R"({"id":"t1","accepted":true,"outcome":"posted","shard":0,"record":3,"event":17,"changed":[{"shard":0,"record":3},{"shard":2,"record":9}]})");
    answer.answered.reset();

    AnswerDetails details;
    details.asset = Asset::parse("EUR/2");
    details.moved = Amount(700);
    answer.details = &details;
    CHECK(
        outcome_line(answer, ShardId(2), "t\"\n", {}) ==
        R"({"id":"t\"\n","accepted":true,"outcome":"posted","amount":"7.00","shard":2,"record":3,"event":17})");

    details = {};
    details.asset = Asset::parse("EUR/2");
    details.facts.available = AmountFact{.unlimited = false, .amount = Amount(600)};
    details.facts.held = AmountFact{.unlimited = false, .amount = Amount(400)};
    details.facts.remaining = AmountFact{.unlimited = false, .amount = Amount(100)};
    details.facts.version = Version(5);
    const auto refused = [&](Outcome outcome) {
        answer.outcome = outcome;
        return outcome_line(answer, ShardId(0), "t9", {});
    };
    CHECK(refused(Outcome::insufficient_funds) ==
          R"({"id":"t9","accepted":false,"outcome":"insufficient_funds","available":"6.00",)"
          R"("shard":0,"record":3,"event":17})");
    CHECK(refused(Outcome::exceeds_hold) ==
          R"({"id":"t9","accepted":false,"outcome":"exceeds_hold","remaining":"1.00",)"
          R"("shard":0,"record":3,"event":17})");
    CHECK(refused(Outcome::in_use) ==
          R"({"id":"t9","accepted":false,"outcome":"in_use","held":"4.00",)"
          R"("shard":0,"record":3,"event":17})");
    details.facts.held = AmountFact{.unlimited = false, .amount = Amount()};
    CHECK(refused(Outcome::in_use) ==
          R"({"id":"t9","accepted":false,"outcome":"in_use","shard":0,"record":3,"event":17})");
    CHECK(refused(Outcome::version_mismatch) ==
          R"({"id":"t9","accepted":false,"outcome":"version_mismatch","version":5,)"
          R"("shard":0,"record":3,"event":17})");
    CHECK(refused(Outcome::account_closed) ==
          R"({"id":"t9","accepted":false,"outcome":"account_closed","shard":0,"record":3,"event":17})");
    // Its own place, and that of the first one, which has the id.
    details.first = command_handler::FirstSeen{RecordNumber(2), EventNumber(11)};
    CHECK(refused(Outcome::conflict) ==
          R"({"id":"t9","accepted":false,"outcome":"conflict","recorded":true,)"
          R"("first":{"shard":0,"record":2,"event":11},"shard":0,"record":3,"event":17})");

    const std::vector<std::string> members = {"t7", "c2"};
    details = {};
    details.members = {{Outcome::group_failed, false}, {Outcome::hold_closed, false}};
    answer.outcome = Outcome::group_failed;
    CHECK(
        outcome_line(answer, ShardId(0), "g1", members) ==
        R"({"id":"g1","accepted":false,"outcome":"group_failed","failed":"c2","outcomes":[)"
        R"({"id":"t7","accepted":false,"outcome":"group_failed"},{"id":"c2","accepted":false,"outcome":"hold_closed"}],)"
        R"("shard":0,"record":3,"event":17})");
    details.members[1].outcome = Outcome::insufficient_funds;
    details.asset = Asset::parse("EUR/2");
    details.facts.available = AmountFact{.unlimited = false, .amount = Amount(600)};
    CHECK(outcome_line(answer, ShardId(0), "g1", members)
              .starts_with(R"({"id":"g1","accepted":false,"outcome":"group_failed","failed":"c2",)"
                           R"("available":"6.00","outcomes":[)"));

    details.members[1].outcome = Outcome::group_failed;
    details.failed_before = 1;
    CHECK(outcome_line(answer, ShardId(0), "g1", members)
              .starts_with(R"({"id":"g1","accepted":false,"outcome":"group_failed","failed":"c2",)"
                           R"("outcomes":[)"));

    answer.outcome = Outcome::account_not_found;
    details = {};
    details.facts.account = AccountId(1, 7);
    CHECK(refused_account(answer) == AccountId(1, 7));
    CHECK(outcome_line(answer, ShardId(0), "t9", {}, "nobody") ==
          R"({"id":"t9","accepted":false,"outcome":"account_not_found","account":"nobody",)"
          R"("shard":0,"record":3,"event":17})");
    answer.outcome = Outcome::group_failed;
    details.members = {{Outcome::group_failed, false}, {Outcome::account_not_found, false}};
    CHECK(refused_account(answer) == AccountId(1, 7));
    CHECK(outcome_line(answer, ShardId(0), "g1", members, "nobody")
              .starts_with(R"({"id":"g1","accepted":false,"outcome":"group_failed","failed":"c2",)"
                           R"("account":"nobody","outcomes":[)"));
    // Refused as a whole, it fails by none of its members.
    answer.outcome = Outcome::version_mismatch;
    details.members = {{Outcome::group_failed, false}, {Outcome::group_failed, false}};
    details.facts.version = Version(3);
    CHECK(outcome_line(answer, ShardId(0), "g1", members, "alice")
              .starts_with(R"({"id":"g1","accepted":false,"outcome":"version_mismatch",)"
                           R"("account":"alice","version":3,"outcomes":[)"));
    answer.outcome = Outcome::posted;
    CHECK(refused_account(answer).is_zero());

    UnrecordedRefusal refusal;
    refusal.outcome = Outcome::entry_not_found;
    CHECK(outcome_line(refusal, "f1", {}) ==
          R"({"id":"f1","accepted":false,"outcome":"entry_not_found","recorded":false})");
    refusal.lacked = {.field = "debit_posting", .is_left_out = true, .postings = 3};
    const std::string lacked =
        R"(debit_posting","detail":"name both debit_posting and credit_posting: the entry has )"
        R"(3 postings, counted from 0, and a refund is of one debit and one credit"})";
    CHECK(outcome_line(refusal, "f1", {}) ==
          R"({"id":"f1","accepted":false,"outcome":"entry_not_found","recorded":false,"field":")" +
              lacked);
    refusal.member = 1;
    CHECK(outcome_line(refusal, "g1", members).ends_with(R"("field":"group[1].)" + lacked));

    CHECK(
        outcome_line(Malformed{Outcome::malformed, "amount", "expected \"x\""}, 8) ==
        R"({"line":8,"accepted":false,"outcome":"malformed","field":"amount","detail":"expected \"x\""})");
}
