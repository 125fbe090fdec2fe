#include "command-handler/gateway/sent_names.h"
#include "tests/command-handler/intake_support.h"

#include <doctest/doctest.h>

#include <deque>
#include <string>
#include <utility>

using namespace vouch;
using namespace vouch::command_handler;

namespace {

/// The names of a line's accounts, each with what it is found as.
SentNames::Range add_line(SentNames& names, const std::string& line) {
    CommandJson json;
    RawLine raw;
    Arena arena;
    REQUIRE_FALSE(json.read(line, arena, raw));
    return names.add(raw);
}

std::string transfer_line(const std::string& debit, const std::string& credit) {
    return R"({"id":"t","transfer":{"debit":")" + debit + R"(","credit":")" + credit +
           R"(","amount":"1"}})";
}

}  // namespace

TEST_CASE("sent_names: an account is found by its id among those of its line alone") {
    SentNames names;
    const LedgerId ledger(7);
    const auto line = add_line(names, transfer_line("alice", "bob"));
    const auto group = add_line(
        names, R"({"id":"g","group":[{"id":"a","close_account":{"account":"carol"}},)"
               R"({"id":"b","refund":{"entry":"e","from":"dora"}},)"
               R"({"id":"c","post_entry":{"postings":[{"account":"erik","debit":"1"},)"
               R"({"account":"01ARZ3NDEKTSV4RRFFQ69G5FAV","credit":"1"}]}}]})");
    for (const char* name : {"alice", "bob"})
        CHECK(names.find(line, ledger, test::account_named(name, ledger)) == name);
    for (const char* name : {"carol", "dora", "erik", "01ARZ3NDEKTSV4RRFFQ69G5FAV"})
        CHECK(names.find(group, ledger, test::account_named(name, ledger)) == name);
    CHECK(names.find(line, ledger, test::account_named("carol", ledger)).empty());
    CHECK(names.find(line, LedgerId(8), test::account_named("alice", ledger)).empty());
    CHECK(names.find({}, ledger, test::account_named("alice", ledger)).empty());
}

TEST_CASE("sent_names: those of lines on their way stay while earlier ones are forgotten") {
    SentNames names;
    std::deque<std::pair<std::string, SentNames::Range>> sent;
    for (int i = 0; i < 2'000; ++i) {
        // In waves, so that there is nothing at times, and much at others.
        const std::string name = "account-" + std::to_string(i);
        sent.emplace_back(name, add_line(names, transfer_line(name, "x")));
        const std::size_t kept = static_cast<std::size_t>(i / 100 % 2 == 0 ? 150 - i % 100 : i % 7);
        while (sent.size() > kept) {
            names.forget_before(sent.front().second.end);
            sent.pop_front();
        }
        if (sent.empty()) continue;
        for (const auto* each : {&sent.front(), &sent.back()}) {
            const AccountId id = test::account_named(each->first, LedgerId(0));
            REQUIRE(names.find(each->second, LedgerId(0), id) == each->first);
        }
    }
    // A line that was not sent has none: nothing is forgotten by it.
    names.forget_before(0);
    const auto last = add_line(names, transfer_line("last", "x"));
    CHECK(names.find(last, LedgerId(0), test::account_named("last", LedgerId(0))) == "last");
}

TEST_CASE("sent_names: of a line that names many, those of the first bytes are kept") {
    SentNames names;
    std::string postings;
    for (int i = 0; i < 500; ++i) {
        postings += R"({"account":"payee-)" + std::to_string(i) + R"(","credit":"1"},)";
    }
    const auto line = add_line(names, R"({"id":"e","post_entry":{"postings":[)" + postings +
                                          R"({"account":"payer","debit":"500"}]}})");
    CHECK(line.end - line.begin <= SentNames::kLineBytesMax);
    CHECK(names.find(line, LedgerId(0), test::account_named("payee-0", LedgerId(0))) == "payee-0");
    CHECK(names.find(line, LedgerId(0), test::account_named("payee-499", LedgerId(0))).empty());
}
