#include "tests/reconciler/crossing_story.h"

#include "events/money/asset.h"

namespace vouch::test {

void open_all(CrossingBooks& books) {
    books.record(kP, [&] {
        books.open("o1", payer(), AccountClass::asset);
        books.open("o2", other_payer(), AccountClass::asset);
    });
    books.record(kQ, [&] {
        books.open("o3", payee(), AccountClass::liability);
        books.open("o4", other_payee(), AccountClass::liability);
        books.open("o5", yen_payee(), AccountClass::liability, Limit::unlimited(),
                   *Asset::parse("JPY"));
    });
}

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
        books.refuse_refund("f2", "t1", yen_payee(), payer());
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

std::string text_of(const reconciler::ReplayReport& report) {
    std::string text;
    for (const reconciler::Finding& finding : report.findings.kept())
        text += to_text(finding) + '\n';
    return text;
}

}  // namespace vouch::test
