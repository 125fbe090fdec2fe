// What crosses between two shards, sealed with the right keys: right in every respect, or wrong in
// one.
#include "tests/reconciler/crossing_story.h"

#include <doctest/doctest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::test;
using reconciler::Check;

TEST_CASE("crossing: a story of transfers, holds, refunds and forwards is clean") {
    CrossingBooks books;
    tell_story(books);
    const auto report = books.replay();
    CHECK(text_of(report) == "");
    CHECK(report.steps_in_flight == 1);
    REQUIRE(report.trial_balance.lines().size() == 2);  // euros, and yen that nobody moves
    CHECK(report.trial_balance.lines()[0].in_transit_text() == "0.77");
}

TEST_CASE("crossing: what the first programs sent, without the texts of ids, is clean") {
    CrossingBooks books;
    books.steps_have_texts = false;
    tell_story(books);
    CHECK(text_of(books.replay()) == "");
}

/// What findings say, without what the whole adds up to: "wrong_steps at 1/3" is shard 1, record 3.
std::set<std::string> told(const reconciler::ReplayReport& report) {
    std::set<std::string> told;
    for (const reconciler::Finding& finding : report.findings.kept()) {
        if (finding.check == Check::trial_balance || finding.check == Check::transit_balance)
            continue;
        told.insert(std::string(to_text(finding.check)) + " at " +
                    (finding.shard ? std::to_string(finding.shard->value()) : "-") + "/" +
                    (finding.record ? std::to_string(finding.record->value()) : "-"));
    }
    return told;
}

struct Row {
    const char* what;
    std::function<void(CrossingBooks&)> edit;
    std::set<std::string> expected;
};

void check_rows(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CrossingBooks books;
        tell_story(books);
        row.edit(books);
        const auto report = books.replay();
        CAPTURE(text_of(report));
        CHECK(told(report) == row.expected);
    }
}

Amount more(Amount amount) { return *amount.plus(Amount(1)); }

TEST_CASE("crossing: what a command in transit claims must follow from the books") {
    check_rows({
        {"another amount on the transit account",
         [](CrossingBooks& b) {
             auto& event = b.find<CommandInTransit>(kP);
             auto changes = b.changes(event.changes);
             changes[1].totals.credits_posted = more(changes[1].totals.credits_posted);
         },
         {"wrong_change at 0/1"}},
        {"to the wrong shard",
         [](CrossingBooks& b) { b.find<CommandInTransit>(kP).to = kP; },
         {"wrong_crossing at 0/1", "wrong_steps at 0/1"}},
        {"a hold that stays open with more",
         [](CrossingBooks& b) {
             auto& event = b.find<CommandInTransit>(kP, 4);
             event.hold->remaining = more(event.hold->remaining);
         },
         {"wrong_hold at 0/4", "wrong_change at 0/4", "wrong_steps at 0/4"}},
        {"a moved amount that the command says",
         [](CrossingBooks& b) { b.find<CommandInTransit>(kP).moved = Amount(1'000); },
         {"wrong_change at 0/1"}},
        {"an entry marked by another id",
         [](CrossingBooks& b) {
             b.find<CommandInTransit>(kQ).entry->id = CrossingBooks::command("t2");
         },
         {"wrong_entry at 1/4"}},
        {"a refund of more than was paid",
         [](CrossingBooks& b) {
             auto& event = b.find<CommandInTransit>(kQ);
             auto sums = b.draft().arena().copy(event.entry->refunded);
             sums[0].amount = more(sums[0].amount);
             event.entry->refunded = sums;
         },
         {"wrong_entry at 1/4"}},
        {"a transit account that is opened twice",
         [](CrossingBooks& b) {
             const TransitOpened opened = b.find<TransitOpened>(kP);
             b.find<CommandInTransit>(kP, 2);
             auto& events = b.records(kP)[b.found()].events;
             events.insert(events.begin() + 3, opened);
         },
         {"wrong_crossing at 0/2", "account_number at 0/2", "wrong_change at 0/2"}},
    });
}

TEST_CASE("crossing: a transit account gets a successor only when it has no room") {
    bool is_used = false;
    std::set<std::string> expected;
    SUBCASE("one that is used") {
        is_used = true;
        expected = {"wrong_crossing at 0/2"};
    }
    SUBCASE("one that nothing uses") { expected = {"event_order at 0/2", "wrong_account at 0/2"}; }
    CrossingBooks books;
    open_all(books);
    books.record(kP, [&] { books.transfer("t1", payer(), payee(), 1'000); });
    books.record(kP, [&] {
        books.open_successor(is_used);
        books.transfer("t2", payer(), payee(), 500);
    });
    books.record(kQ, [&] { books.take(); });
    books.record(kP, [&] { books.take(); });
    const auto report = books.replay();
    CAPTURE(text_of(report));
    CHECK(told(report) == expected);
}

TEST_CASE("crossing: an answer gives back what was not taken, and nothing else") {
    check_rows({
        {"a return that is too much",
         [](CrossingBooks& b) {
             auto& event = b.find<CommandAnswered>(kP, 2);
             auto changes = b.changes(event.changes);
             changes[0].amount = changes[1].amount = more(changes[0].amount);
             changes[0].totals.debits_posted = more(changes[0].totals.debits_posted);
             changes[1].totals.credits_posted = more(changes[1].totals.credits_posted);
         },
         {"wrong_change at 0/3"}},
        {"a return to another account's id",
         [](CrossingBooks& b) {
             auto& event = b.find<CommandAnswered>(kP, 2);
             b.changes(event.changes)[1].id = other_payer();
         },
         {"wrong_change at 0/3"}},
        {"accepted what was refused",
         [](CrossingBooks& b) {
             auto& event = b.find<CommandAnswered>(kP, 2);
             event.outcome = Outcome::posted;
             event.facts = {};
         },
         {"wrong_change at 0/3"}},
        {"an answer of another record",
         [](CrossingBooks& b) {
             auto& event = b.find<CommandAnswered>(kP, 2);
             event.by.record = event.by.record.next();
         },
         {"wrong_crossing at 0/3"}},
        {"an answer that cites another event",
         [](CrossingBooks& b) {
             b.find<CommandAnswered>(kP, 2).first_event = EventNumber(1);
         },
         {"wrong_crossing at 0/3"}},
        {"a refund that is refused for another payer",
         [](CrossingBooks& b) { b.find<CommandDecided>(kQ, 3).facts.account = other_payer(); },
         {"wrong_outcome at 1/4"}},
        {"a refund that is refused with more facts than can be known",
         [](CrossingBooks& b) { b.find<CommandDecided>(kQ, 3).facts.version = Version(1); },
         {"wrong_facts at 1/4"}},
        {"a refusal that no shard gives",
         [](CrossingBooks& b) { b.find<CommandAnswered>(kP, 2).outcome = Outcome::not_zero; },
         {"wrong_outcome at 0/3"}},
    });
}

TEST_CASE("crossing: a followed step does what it says, and is the one that was sent") {
    check_rows({
        {"an altered amount",
         [](CrossingBooks& b) {
             auto& event = b.find<StepFollowed>(kQ);
             auto& credit = std::get<CreditStep>(event.step.kind);
             credit.amount = more(credit.amount);
         },
         {"wrong_change at 1/1", "wrong_steps at 1/1"}},
        {"an altered amount, moved as it says",
         [](CrossingBooks& b) {
             auto& event = b.find<StepFollowed>(kQ, 4);
             auto& capture = std::get<CaptureStep>(event.step.kind);
             capture.amount = capture.freed = more(capture.freed);
         },
         {"wrong_change at 1/4", "wrong_hold at 1/4"}},
        {"another payer",
         [](CrossingBooks& b) {
             auto& event = b.find<StepFollowed>(kQ);
             std::get<CreditStep>(event.step.kind).payer = other_payer();
         },
         {"wrong_steps at 1/1", "wrong_account at 0/5"}},
        {"facts of another",
         [](CrossingBooks& b) { b.find<StepFollowed>(kQ, 2).facts.account = other_payee(); },
         {"wrong_facts at 1/2", "wrong_steps at 1/2"}},
        {"a followed hold that keeps more",
         [](CrossingBooks& b) {
             auto& event = b.find<StepFollowed>(kQ, 3);
             event.hold->captured = more(event.hold->captured);
         },
         {"wrong_hold at 1/3"}},
    });
}

TEST_CASE("crossing: steps sent and taken are those of the events") {
    check_rows({
        {"a step that was followed twice",
         [](CrossingBooks& b) {
             auto& taken = b.find<StepsTaken>(kQ);
             taken.count = 3;
             auto& events = b.records(kQ)[b.found()].events;
             auto event = std::find_if(events.begin(), events.end(), [](const Event& each) {
                 return std::holds_alternative<StepFollowed>(each);
             });
             events.insert(event, Event(*event));
         },
         {"wrong_change at 1/1", "wrong_steps at 1/1"}},
        {"fewer taken than the batch has",
         [](CrossingBooks& b) { b.find<StepsTaken>(kQ).count = 1; },
         {"wrong_steps at 1/1"}},
        {"another text of the command's id",
         [](CrossingBooks& b) { b.find<StepFollowed>(kQ).step.id_text = "t9"; },
         {"wrong_steps at 1/1"}},
        {"no text of the command's id",
         [](CrossingBooks& b) { b.find<StepFollowed>(kQ).step.id_text = {}; },
         {"wrong_steps at 1/1"}},
        {"another digest sent",
         [](CrossingBooks& b) {
             auto& sent = b.find<StepsSent>(kP, 1);
             auto digest = b.draft().arena().copy(sent.digest);
             digest[3] ^= std::byte{1};
             sent.digest = digest;
         },
         {"wrong_steps at 0/2", "step_pair at 1/3"}},
        {"another digest taken",
         [](CrossingBooks& b) {
             auto& taken = b.find<StepsTaken>(kQ, 1);
             auto digest = b.draft().arena().copy(taken.digest);
             digest[3] ^= std::byte{1};
             taken.digest = digest;
         },
         {"step_sequence at 1/3", "step_pair at 1/3"}},
        {"another number sent",
         [](CrossingBooks& b) { b.find<StepsSent>(kP, 1).number = StepBatchNumber(7); },
         {"step_sequence at 0/2", "wrong_steps at 0/2"}},
        {"another record",
         [](CrossingBooks& b) { b.find<StepsTaken>(kP).record = RecordNumber(0); },
         {"wrong_crossing at 0/2", "step_pair at 0/2"}},
        {"nothing sent of what follows",
         [](CrossingBooks& b) {
             b.find<StepsSent>(kP, 4);
             b.records(kP)[b.found()].events.pop_back();
         },
         {"wrong_steps at 0/7"}},
        {"two steps in the wrong order",
         [](CrossingBooks& b) {
             auto& taken = b.find<StepsTaken>(kQ);
             auto& events = b.records(kQ)[b.found()].events;
             const auto first = static_cast<std::size_t>(
                 std::find_if(
                     events.begin(), events.end(),
                     [](const Event& each) { return std::holds_alternative<StepFollowed>(each); }) -
                 events.begin());
             CHECK(taken.count == 2);
             std::swap(std::get<StepFollowed>(events[first]).step.command,
                       std::get<StepFollowed>(events[first + 1]).step.command);
         },
         {"wrong_steps at 1/1"}},
    });
}

TEST_CASE("crossing: a sender that was cut off is told of by the one that took from it") {
    CrossingBooks books;
    tell_story(books);
    RecordList records = books.seal();
    // Record 5 of p sent a batch that q's record 5 takes.
    while (records.shard(kP).size() > 5) records.shard(kP).pop_back();
    const auto report = CrossingBooks::replay(records, books.sealed());
    CAPTURE(text_of(report));
    CHECK(told(report) == std::set<std::string>{"step_pair at 1/5"});
    CHECK(text_of(report).find("transit_balance: ") != std::string::npos);
}

TEST_CASE("crossing: what is taken names the record and tag that it came with") {
    CrossingBooks books;
    tell_story(books);
    (void)books.seal();
    auto& taken = books.find<StepsTaken>(kQ);
    auto tag = books.draft().arena().copy(taken.record_digest);
    tag[0] ^= std::byte{1};
    taken.record_digest = tag;
    RecordList records = books.seal(true);
    const auto report = CrossingBooks::replay(records, books.sealed());
    CAPTURE(text_of(report));
    CHECK(told(report).contains("step_pair at 1/1"));
}

/// The first `count` records of a story, as a deployment would have them at some moment.
RecordList first_records(const RecordList& all, const std::vector<ShardId>& order,
                         std::size_t count) {
    RecordList some(2);
    for (std::size_t i = 0; i < count; ++i) {
        std::vector<Bytes>& records = some.shard(order[i]);
        records.push_back(all.shard(order[i])[records.size()]);
    }
    return some;
}

TEST_CASE("crossing: at every moment of a running deployment the books are clean") {
    CrossingBooks books;
    tell_story(books);
    const RecordList all = books.seal();
    for (std::size_t count = 1; count <= books.order().size(); ++count) {
        CAPTURE(count);
        RecordList some = first_records(all, books.order(), count);
        const auto report = CrossingBooks::replay(some, books.sealed());
        CHECK(text_of(report) == "");
    }
}

TEST_CASE("crossing: an id that two shards have seen is told of, and is no finding") {
    CrossingBooks books;
    open_all(books);
    books.record(kP, [&] { books.transfer("t1", payer(), payee(), 5); });
    books.record(kQ, [&] {
        books.take();
        books.open("o1", CrossingBooks::account(kQ, 3), AccountClass::liability);
    });
    const auto report = books.replay();
    CAPTURE(text_of(report));
    CHECK(report.is_clean());
    REQUIRE(report.observations.kept().size() == 1);
    CHECK(to_text(report.observations.kept()[0]).find("shard 1 record 1 event ") == 0);
    CHECK(report.observations.kept()[0].check == Check::id_on_shards);
    // Nobody was asked about this log's end.
    CHECK(to_text(report).find("no findings, but not everything could be checked\n"
                               "observations about producers") == 0);
    CHECK(reconciler::to_json_lines(report).find("\"observations\":1") != std::string::npos);
}

TEST_CASE("crossing: a hold that is refused frees what is left, whatever became of it") {
    for (const bool is_released : {false, true}) {
        CAPTURE(is_released);
        CrossingBooks books;
        open_all(books);
        books.will_refuse("h1", Outcome::account_not_found);
        books.record(kP, [&] {
            books.place("h1", payer(), CrossingBooks::account(kQ, 7), 400);
            books.capture("c1", "h1", 100, true);
            if (is_released) books.release("r1", "h1");
        });
        books.record(kQ, [&] { books.take(2); });
        if (is_released) books.record(kQ, [&] { books.take(); });
        books.record(kP, [&] { books.take(1); });
        books.record(kP, [&] { books.take(); });
        if (is_released) books.record(kP, [&] { books.take(); });
        const auto report = books.replay();
        CHECK(text_of(report) == "");
        CHECK(report.steps_in_flight == 0);
        CHECK(report.trial_balance.lines()[0].in_transit_text() == "0.00");
        CHECK(report.shards[0].in_transit == 0);
    }
}

TEST_CASE("crossing: less may be taken, and a capture toward a named payee may come back") {
    CrossingBooks books;
    books.record(kP, [&] { books.open("o1", payer(), AccountClass::asset); });
    books.record(kQ, [&] { books.open("o3", payee(), AccountClass::asset, Limit(Amount(60))); });
    books.will_take("t1", 60);
    books.record(kP, [&] {
        books.transfer("t1", payer(), payee(), 100, Balancing::credit);
        books.place_without_payee("h1", payer(), 50);
        books.capture_toward("c1", "h1", CrossingBooks::account(kQ, 7), 30, false);
    });
    books.will_refuse("c1", Outcome::account_not_found);
    books.record(kQ, [&] { books.take(); });
    books.record(kP, [&] { books.take(); });
    const auto report = books.replay();
    CHECK(text_of(report) == "");
    CHECK(report.shards[0].open_holds == 1);
}

TEST_CASE("crossing: a reversal that is refused leaves the entry as it was") {
    for (const bool is_frozen : {true, false}) {
        CAPTURE(is_frozen);
        CrossingBooks books;
        open_all(books);
        books.record(kP, [&] { books.transfer("t1", payer(), payee(), 100); });
        books.record(kQ, [&] { books.take(); });
        books.record(kQ, [&] { books.give_back("v1", "t1", payee(), payer(), 0, 100); });
        books.record(kP, [&] {
            books.take();
            if (is_frozen) books.freeze_credits("z1", payer());
        });
        books.will_refuse("v1", Outcome::credits_frozen);
        books.record(kP, [&] { books.take(); });
        books.record(kQ, [&] { books.take(); });
        // It may be refunded afterwards.
        books.record(kQ, [&] { books.give_back("f1", "t1", payee(), payer(), 40, 100); });
        const auto report = books.replay();
        CAPTURE(text_of(report));
        if (is_frozen) {
            CHECK(text_of(report) == "");
        } else {
            CHECK(told(report) == std::set<std::string>{"wrong_outcome at 0/3"});
        }
    }
}

TEST_CASE("crossing: an entry cannot be given back twice") {
    CrossingBooks books;
    open_all(books);
    books.record(kP, [&] { books.transfer("t1", payer(), payee(), 100); });
    books.record(kQ, [&] { books.take(); });
    books.record(kQ, [&] { books.give_back("v1", "t1", payee(), payer(), 0, 100); });
    books.record(kQ, [&] { books.give_back("v2", "t1", payee(), payer(), 0, 100); });
    CHECK(told(books.replay()) == std::set<std::string>{"wrong_entry at 1/3"});
}

TEST_CASE("crossing: what is booked as on its way is what was sent") {
    CrossingBooks books;
    tell_story(books);
    // Command, payer and transit account are altered alike: only what was sent tells otherwise.
    auto& last = books.find<CommandInTransit>(kP, 7);
    auto changes = books.changes(last.changes);
    std::get<Transfer>(last.command.body).amount = Amount(78);
    changes[0].amount = changes[1].amount = Amount(78);
    changes[0].totals.debits_posted = more(changes[0].totals.debits_posted);
    changes[1].totals.credits_posted = more(changes[1].totals.credits_posted);
    CHECK(told(books.replay()) == std::set<std::string>{"wrong_steps at 0/7"});
}

TEST_CASE("crossing: what is given back goes to who had paid") {
    CrossingBooks books;
    open_all(books);
    books.record(kP, [&] { books.transfer("t1", payer(), payee(), 100); });
    books.record(kQ, [&] { books.take(); });
    books.record(kQ, [&] { books.give_back("v1", "t1", payee(), other_payer(), 0, 100); });
    books.record(kP, [&] {
        books.take();
        books.take();
    });
    books.record(kQ, [&] { books.take(); });
    CHECK(told(books.replay()) == std::set<std::string>{"wrong_account at 0/2"});
}

}  // namespace
