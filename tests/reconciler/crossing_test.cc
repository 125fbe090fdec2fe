// What crosses between two shards, sealed with the right keys: right in every respect, or wrong in one.
#include "tests/reconciler/crossing_books.h"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace vouch;
using namespace vouch::test;
using reconciler::Check;

constexpr ShardId kP = CrossingBooks::kP;
constexpr ShardId kQ = CrossingBooks::kQ;

AccountId payer() { return CrossingBooks::account(kP, 0); }
AccountId other_payer() { return CrossingBooks::account(kP, 1); }
AccountId payee() { return CrossingBooks::account(kQ, 0); }
AccountId other_payee() { return CrossingBooks::account(kQ, 1); }

std::string text_of(const reconciler::ReplayReport& report) {
    std::string text;
    for (const reconciler::Finding& finding : report.findings.kept())
        text += to_text(finding) + '\n';
    return text;
}

void open_all(CrossingBooks& books) {
    books.record(kP, [&] {
        books.open("o1", payer(), AccountClass::asset);
        books.open("o2", other_payer(), AccountClass::asset);
    });
    books.record(kQ, [&] {
        books.open("o3", payee(), AccountClass::liability);
        books.open("o4", other_payee(), AccountClass::liability);
    });
}

/// A story of all kinds, of which the last steps are still in flight.
void tell_story(CrossingBooks& books) {
    open_all(books);
    books.record(kP, [&] {
        books.transfer("t1", payer(), payee(), 1'000);
        books.transfer("t2", payer(), payee(), 500);
    });
    books.will_refuse("t3", Outcome::account_not_found);
    books.record(kQ, [&] { books.take(); });
    books.record(kP, [&] {
        books.take();
        books.transfer("t3", payer(), CrossingBooks::account(kQ, 7), 30);
        books.place("h1", payer(), payee(), 400);
    });
    books.record(kQ, [&] { books.take(1); });
    books.record(kQ, [&] { books.take(); });
    books.record(kP, [&] { books.take(); });
    books.record(kP, [&] {
        books.take();
        books.capture("c1", "h1", 100, true);
        books.release("r1", "h1");
    });
    books.record(kQ, [&] {
        books.take();
        books.give_back("f1", "t1", payee(), payer(), 200, 1'000);
        books.give_back("v1", "t2", payee(), payer(), 0, 500);
    });
    books.record(kP, [&] {
        books.take();
        books.forward("t4", payee(), other_payee(), 10);
        books.place_without_payee("h2", payer(), 90);
        books.capture_toward("c2", "h2", payee(), 60, false);
    });
    books.record(kQ, [&] { books.take(); });
    books.record(kP, [&] { books.take(); });
    books.record(kP, [&] { books.transfer("t5", payer(), payee(), 77); });
}

TEST_CASE("crossing: a story of transfers, holds, refunds and forwards is clean") {
    CrossingBooks books;
    tell_story(books);
    const auto report = books.replay();
    CHECK(text_of(report) == "");
    CHECK(report.steps_in_flight == 1);
    REQUIRE(report.trial_balance.lines().size() == 1);
    CHECK(to_text(report.trial_balance.lines()[0].in_transit(), Scale(2)) == "0.77");
}

}  // namespace
