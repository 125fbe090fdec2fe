#include "projector/answers/answer_text.h"
#include "projector/answers/text_table.h"

#include <doctest/doctest.h>

#include <string>

using namespace vouch;
using namespace vouch::projector;

namespace {

const Asset kEuro = *Asset::make("EUR", Scale(2));

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("answer text: what is in transit is neither accepted nor refused") {
    CommandOutcome outcome;
    outcome.in_transit = true;
    outcome.to = ShardId(3);
    outcome.asset = kEuro;
    const std::string text = outcome_text(outcome, "t1");
    CAPTURE(text);
    CHECK(has(text, "in transit, not final"));
    CHECK(has(text, "3"));
    CHECK_FALSE(has(text, "accepted"));
    CHECK_FALSE(has(text, "malformed"));
    outcome.in_transit = false;
    outcome.outcome = Outcome::posted;
    CHECK(has(outcome_text(outcome, "t1"), "posted"));
    CHECK_FALSE(has(outcome_text(outcome, "t1"), "in transit"));
}

TEST_CASE("answer text: an amount that nobody knows yet is not zero") {
    EntryAnswer entry;
    entry.in_transit = true;
    entry.command = "transfer";
    entry.postings.resize(2);
    entry.postings[0].account = "payer";
    entry.postings[0].asset = kEuro;
    entry.postings[0].amount = Amount(150);
    entry.postings[1].account = "payee";
    entry.postings[1].asset = kEuro;
    entry.postings[1].side = Side::credit;
    entry.postings[1].is_known = false;
    const std::string text = entry_text(entry, "t1");
    CAPTURE(text);
    CHECK(has(text, "\n      0  payer"));
    CHECK(has(text, "\n      1  payee"));
    CHECK(has(text, "in transit, not final"));
    CHECK(has(text, "1.50"));
    CHECK(has(text, "?"));
    CHECK_FALSE(has(text, " 0.00 "));
    entry.postings[1].amount = Amount(150);
    CHECK_FALSE(has(entry_text(entry, "t1"), "?"));
}

TEST_CASE("answer text: a hold that the payee's shard has not answered is not open yet") {
    HoldAnswer hold;
    hold.asset = kEuro;
    CHECK(has(hold_text(hold, "h1"), "open"));
    hold.in_transit = true;
    CHECK(has(hold_text(hold, "h1"), "in transit, not final"));
    CHECK_FALSE(has(hold_text(hold, "h1"), "open"));
}

TEST_CASE("answer text: the trial balance tells what is on its way between shards") {
    TrialBalanceLine line;
    line.asset = kEuro;
    line.debits_posted.add(Amount(200));
    line.transit_credits.add(Amount(250));
    line.transit_debits.add(Amount(50));
    const std::string text = trial_balance_text({line});
    CAPTURE(text);
    CHECK(has(text, "in transit"));
    CHECK(has(text, "2.00"));
    CHECK(has(text, "2.00  even"));
}

TEST_CASE("answer text: no name moves a terminal or turns round what stands beside it") {
    struct Row {
        std::string name;
        std::string shown;
    };
    for (const Row& row :
         {Row{"a\x1b[2Jb\x7f", "a?[2Jb?"}, {"a\n\tb", "a??b"}, {"a\xc2\x9b" "2Jb", "a?2Jb"},
          {"a\xc2\x80\xc2\x9f", "a??"}, {"a\xe2\x80\xae" "b", "a?b"}, {"\xe2\x81\xa6", "?"},
          {"\xe2\x80\xa8\xe2\x80\x8f\xd8\x9c", "???"}, {std::string("a\0b", 3), "a?b"},
          // What is only near them stays.
          {"\xc2\xa0\xc3\x9b", "\xc2\xa0\xc3\x9b"}, {"\xe2\x82\xac", "\xe2\x82\xac"},
          {"\xe2\x80\xaf\xe2\x80\x90", "\xe2\x80\xaf\xe2\x80\x90"},
          {"\xd8\xa7", "\xd8\xa7"}}) {
        CAPTURE(row.shown);
        CHECK(as_text(Fields{{"owner", row.name}}) == "owner  " + row.shown + "\n");
        CHECK(as_text(Fields{{row.name, "x"}}) == row.shown + "  x\n");
        Table table({"n"});
        table.add({row.name});
        CHECK(table.text() == "n\n" + row.shown + "\n");
    }
}

TEST_CASE("answer text: columns line up by what characters take of a line") {
    const struct {
        std::string name;
        std::size_t columns;
    } rows[] = {{"shop", 4},         {"M\u00fcller", 6},      {"\u5e97", 2},
                {"\uac00\u3042", 4}, {"\uff41", 2},          {"e\u0301", 1},
                {"\U0001f600", 2},   {"\U00020000x", 3},      {"\u0430\u05d0\u0e01", 3}};
    for (const auto& row : rows) {
        CAPTURE(row.name);
        Table table({"", ""});
        table.add({row.name, "x"});
        table.add({std::string(8, '-'), "x"});
        CHECK(has(table.text(), "\n" + row.name + std::string(8 - row.columns + 2, ' ') + "x\n"));
    }
    // What is cut has no more columns than there are; a wide character is not halved.
    Table table({"", ""}, {}, Cells::narrow);
    std::string name, cut;
    for (int i = 0; i < 30; ++i) name += "\u5e97";
    for (int i = 0; i < 19; ++i) cut += "\u5e97";
    table.add({name, "x"});
    table.add({std::string(40, '-'), "x"});
    CHECK(has(table.text(), "\n" + cut + "…   x\n"));
}

TEST_CASE("answer text: on a terminal a long name is cut short, an amount never") {
    const std::string amount(45, '7');
    std::string name;
    for (int i = 0; i < 60; ++i) name += "\xc3\xa4";
    const auto shown = [&](Cells cells) {
        Table table({"account", "balance", ""}, {1}, cells);
        table.add({name, amount, "even"});
        table.add({std::string(40, 'x'), "1", ""});
        return table.text();
    };
    std::string cut;
    for (int i = 0; i < 39; ++i) cut += "\xc3\xa4";
    const std::string narrow = shown(Cells::narrow);
    CHECK(has(narrow, "\n" + cut + "…  " + amount + "  even\n"));
    CHECK(has(narrow, "\n" + std::string(40, 'x') + "  " + std::string(44, ' ') + "1\n"));
    CHECK(has(shown(Cells::whole), "\n" + name + "  " + amount + "  even\n"));
}
