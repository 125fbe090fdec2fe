#include "events/money/ids.h"
#include "tests/support/named_ids.h"
#include "tests/tools/program.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <set>
#include <string>
#include <vector>

using namespace vouch;
using nlohmann::json;
using test::Program;
using test::ProgramResult;

namespace {

constexpr std::string_view kLines =
    R"({"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset","limit":"unlimited"}}
{"id":"o2","open_account":{"account":"alice","asset":"EUR/2","class":"liability","owner":"a-1","chart_code":"2010","risk_class":3},"metadata":{"tier":"gold"}}
{"id":"o3","open_account":{"account":"shop","asset":"EUR/2","class":"liability"}}
{"id":"t1","transfer":{"debit":"cash","credit":"alice","amount":"10.00"},"context":"order-7","actor":{"id":"ops-7"}}
{"id":"h1","place_hold":{"debit":"alice","credit":"shop","amount":"4.00","expires_in":"60s"}}
{"id":"c1","capture_hold":{"hold":"h1","amount":"3.00","keep_rest":true}}
{"id":"t9","transfer":{"debit":"alice","credit":"shop","amount":"6.01"}}
{"id":"v2","refund":{"entry":"c1","amount":"0.50"}}
)";

struct BooksOfQueries {
    Program program;
    BooksOfQueries() { REQUIRE(program.submit(std::string(kLines), {"--create"}).exit == 0); }
    ProgramResult ask(std::vector<std::string> arguments) const {
        arguments.insert(arguments.end(), {"--data", program.books().string()});
        return program.run(arguments);
    }
    json ask_json(std::vector<std::string> arguments) const {
        arguments.push_back("--json");
        const ProgramResult result = ask(arguments);
        CHECK(result.exit == 0);
        return json::parse(result.out);
    }
};

}  // namespace

TEST_CASE("queries: each answers for people and for programs") {
    const BooksOfQueries made;
    const json account = made.ask_json({"account", "alice"});
    CHECK(account["account"] == "alice");
    CHECK(account["class"] == "liability");
    CHECK(account["owner"] == "a-1");
    CHECK(account["metadata"]["tier"] == "gold");

    const json hold = made.ask_json({"hold", "h1"});
    CHECK(hold["remaining"] == "1.00");
    CHECK(hold["captured"] == "3.00");
    CHECK(hold["status"] == "open");

    const json entry = made.ask_json({"entry", "t1"});
    CHECK(entry["context"] == "order-7");
    CHECK(entry["postings"].size() == 2);

    const json outcome = made.ask_json({"outcome", "t9"});
    CHECK(outcome["id"] == "t9");
    CHECK(outcome["accepted"] == false);
    CHECK(outcome["outcome"] == "insufficient_funds");
    CHECK(outcome["available"] == "6.00");

    for (const std::vector<std::string>& question : {std::vector<std::string>{"account", "alice"},
                                                     {"balance", "alice"},
                                                     {"balance", "--all"},
                                                     {"statement", "alice"},
                                                     {"statement", "--all"},
                                                     {"hold", "h1"},
                                                     {"entry", "c1"},
                                                     {"outcome", "t9"},
                                                     {"trial-balance"},
                                                     {"trial-balance", "--ledger", "0"}}) {
        CAPTURE(question[0]);
        const ProgramResult result = made.ask(question);
        CHECK(result.exit == 0);
        CHECK(result.out.size() > 40);
        CHECK(result.err.empty());
    }
}

TEST_CASE(
    "queries: a statement is the account's postings, oldest first, with the balance after each") {
    const BooksOfQueries made;
    const ProgramResult result = made.ask({"statement", "alice", "--json"});
    CHECK(result.exit == 0);
    std::vector<std::string> rows;
    for (const std::string& line : result.lines()) {
        const json row = json::parse(line);
        rows.push_back(row["side"].get<std::string>() + " " + row["amount"].get<std::string>() +
                       " " + row["balance"].get<std::string>());
    }
    // The hold adds no row.
    CHECK(rows ==
          std::vector<std::string>{"credit 10.00 10.00", "debit 3.00 7.00", "credit 0.50 7.50"});
}

TEST_CASE("queries: what was said of an entry, and ids as they were sent") {
    const BooksOfQueries made;
    const std::string said =
        R"("kind":"top_up","reason":"asked for","document_date":"2026-01-02",)"
        R"("references":[{"type":"order","value":"o-7"}],)"
        R"("attachments":[{"digest":")" +
        std::string(64, 'a') +
        R"(","media_type":"application/pdf","size":9}],)"
        R"("trace":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",)";
    const auto line = [](std::string_view keys) {
        return R"({"id":"s1",)" + std::string(keys) +
               R"("transfer":{"debit":"cash","credit":"alice","amount":"1.00"}})" + "\n";
    };
    REQUIRE(made.program.submit(line(said)).exit == 0);
    json entry = made.ask_json({"entry", "s1"});
    CHECK(entry["command"] == "transfer");
    const json expected = json::parse("{" + said + R"("end":0})");
    for (const auto& [key, value] : expected.items()) {
        if (key != "end") CHECK(entry[key] == value);
    }
    const std::string hex = id_text(test::command_named("s1"));
    CHECK(made.ask_json({"entry", hex})["id"] == "s1");
    CHECK(made.ask_json({"outcome", hex})["id"] == "s1");
    const ProgramResult text = made.ask({"entry", hex});
    for (const char* part : {"s1", "top_up", "asked for", "2026-01-02", "o-7",
                             "application/pdf 9 bytes"}) {
        CAPTURE(part);
        CHECK(text.out.find(part) != std::string::npos);
    }
    // Hexadecimal digits are kept as the number that they are.
    const std::string digits = "0123456789abcdef0123456789abcdef";
    const std::string dashed = "01234567-89ab-cdef-0123-456789abcdef";
    REQUIRE(made.program
                .submit(R"({"id":")" + digits +
                        R"(","transfer":{"debit":"cash","credit":"alice","amount":"1.00"}})" "\n")
                .exit == 0);
    for (const char* const question : {"outcome", "entry"}) {
        CHECK(made.ask_json({question, dashed})["id"] == digits);
        CHECK(made.ask({question, dashed}).out.find(dashed) == std::string::npos);
    }
    const ProgramResult statement = made.ask({"statement", "alice", "--json"});
    CHECK(json::parse(statement.lines().front())["entry"] == "t1");
    CHECK(json::parse(statement.lines().back())["entry"] == digits);
    // Content, all but the trace.
    CHECK(made.program.submit(line(said.substr(0, said.find(R"("trace")")))).out.find("posted") !=
          std::string::npos);
    CHECK(made.program.submit(line("")).out.find("conflict") != std::string::npos);
}

TEST_CASE("queries: who is paid from another shard reads the payment's id as it was sent") {
    const Program program;
    const auto name = [](int account) { return "a" + std::to_string(account); };
    std::string lines;
    for (int i = 0; i < 8; ++i) {
        lines += R"({"id":"open )" + name(i) + R"(","open_account":{"account":")" + name(i) +
                 R"(","asset":"EUR/2","class":"asset","limit":"unlimited"}})" + "\n";
    }
    for (int i = 0; i < 8; ++i) {
        lines += R"({"id":"order )" + std::to_string(i) + R"(","transfer":{"debit":")" + name(i) +
                 R"(","credit":")" + name((i + 1) % 8) + R"(","amount":"1.00"}})" + "\n";
    }
    REQUIRE(program.submit(lines, {"--create", "--shards", "4"}).exit == 0);
    for (int i = 0; i < 8; ++i) {
        const ProgramResult told = program.run(
            {"statement", name((i + 1) % 8), "--json", "--data", program.books().string()});
        REQUIRE(told.lines().size() == 2);
        std::set<std::string> entries;
        for (const std::string& line : told.lines()) entries.insert(json::parse(line)["entry"]);
        CHECK(entries == std::set<std::string>{"order " + std::to_string(i),
                                               "order " + std::to_string((i + 1) % 8)});
    }
    CHECK(program.run({"replay", "--data", program.books().string(), "--views"}).exit == 0);
}

TEST_CASE("queries: accounts of one place share a shard, so that entries of them are taken") {
    const Program program;
    std::string lines;
    for (const char* account : {"u-17~cash", "u-17~pending", "u-17~fees"}) {
        lines += R"({"id":"o )" + std::string(account) + R"(","open_account":{"account":")" + account +
                 R"(","asset":"EUR/2","class":"asset","limit":"unlimited"}})" + "\n";
    }
    lines += R"({"id":"e","post_entry":{"postings":[{"account":"u-17~cash","debit":"3.00"},)"
             R"({"account":"u-17~pending","credit":"2.00"},{"account":"u-17~fees","credit":"1.00"}]}})"
             "\n";
    const ProgramResult result = program.submit(lines, {"--create", "--shards", "16"});
    CHECK(result.exit == 0);
    CHECK(result.lines().size() == 4);
    for (const std::string& line : result.lines()) {
        CAPTURE(line);
        CHECK(json::parse(line)["accepted"] == true);
    }
}

TEST_CASE("queries: all of a ledger that nothing names is an error") {
    const BooksOfQueries made;
    CHECK(made.program.submit(R"({"id":"x","ledger":3,"close_account":{"account":"none"}})"
                              "\n").exit == 0);
    for (const std::vector<std::string>& question :
         {std::vector<std::string>{"trial-balance"},
          {"balance", "--all"},
          {"pending"},
          {"statement", "--all"}}) {
        CAPTURE(question[0]);
        for (const bool as_json : {false, true}) {
            std::vector<std::string> arguments = question;
            arguments.insert(arguments.end(), {"--ledger", "99"});
            if (as_json) arguments.push_back("--json");
            const ProgramResult none = made.ask(arguments);
            CHECK(none.exit == 5);
            CHECK(none.out.empty());
            CHECK(none.err.find("no such ledger: 99") != std::string::npos);
        }
        for (const std::string ledger : {"0", "3"}) {
            std::vector<std::string> arguments = question;
            arguments.insert(arguments.end(), {"--ledger", ledger});
            CHECK(made.ask(arguments).exit == 0);
        }
    }
}

TEST_CASE("queries: all balances, named as opened") {
    const BooksOfQueries made;
    const ProgramResult result = made.ask({"balance", "--all", "--json"});
    std::vector<std::string> rows;
    for (const std::string& line : result.lines()) {
        const json row = json::parse(line);
        rows.push_back(row["account"].get<std::string>() + " " + row["balance"].get<std::string>());
    }
    CHECK(rows == std::vector<std::string>{"cash 10.00", "alice 7.50", "shop 2.50"});
}

TEST_CASE("queries: views that are lost are made again") {
    const BooksOfQueries made;
    CHECK(made.ask({"balance", "alice"}).exit == 0);
    std::filesystem::remove_all(made.program.books() / "views");
    CHECK(made.ask_json({"balance", "alice"})["balance"] == "7.50");
}

TEST_CASE("keys: shown without the secret, and kept under another passphrase") {
    const BooksOfQueries made;
    const json shown = made.ask_json({"keys", "show"});
    CHECK(shown["deployment"].get<std::string>().size() == 32);
    const std::filesystem::path other = made.program.home() / "other.passphrase";
    const ProgramResult changed =
        made.ask({"keys", "change-passphrase", "--new-passphrase-file", other.string()});
    CHECK(changed.exit == 0);
    // A name that was mistyped is noticed.
    CHECK(changed.err.find(other.string() + ", which was not there and was made") !=
          std::string::npos);
    CHECK(made.ask({"keys", "show"}).exit == 3);
    const json again = made.ask_json({"keys", "show", "--passphrase-file", other.string()});
    CHECK(again["fingerprint"] == shown["fingerprint"]);
    CHECK(made.ask({"replay", "--passphrase-file", other.string()}).exit == 0);
}

namespace {

/// What moved, and what did not: t3 is refused where its payee is, and so is what h2 asks for.
constexpr std::string_view kMoved =
    R"({"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset","limit":"unlimited"}}
{"id":"o2","open_account":{"account":"alice","asset":"EUR/2","class":"liability"}}
{"id":"o3","open_account":{"account":"shop","asset":"EUR/2","class":"liability"}}
{"id":"o4","open_account":{"account":"frozen","asset":"EUR/2","class":"liability"}}
{"id":"f1","freeze_account":{"account":"frozen","block":"credits"}}
{"id":"t1","transfer":{"debit":"cash","credit":"alice","amount":"10.00"}}
{"id":"t2","transfer":{"debit":"alice","credit":"shop","amount":"1.00"}}
{"id":"t3","transfer":{"debit":"alice","credit":"frozen","amount":"2.00"}}
{"id":"h1","place_hold":{"debit":"alice","credit":"shop","amount":"4.00"}}
{"id":"h2","place_hold":{"debit":"alice","credit":"frozen","amount":"1.00"}}
{"id":"c1","capture_hold":{"hold":"h1","amount":"3.00","keep_rest":true}}
)";

/// Totals of a line of JSON, and nothing else that it says.
std::string totals(const json& line) {
    std::string text;
    for (const char* const name :
         {"asset", "debits_posted", "credits_posted", "debits_held", "credits_held"}) {
        text += line[name].get<std::string>() + " ";
    }
    return text;
}

}  // namespace

TEST_CASE("queries: totals are those of the books, whatever the number of shards") {
    const std::string expected = "EUR/2 14.00 14.00 1.00 1.00 ";
    for (const char* const shards : {"1", "2", "4", "7"}) {
        CAPTURE(shards);
        const Program program;
        const std::vector<std::string> made = {"--create", "--shards", shards, "--one-at-a-time"};
        REQUIRE(program.submit(std::string(kMoved), made).exit == 0);
        const std::string books = program.books().string();
        const json asked =
            json::parse(program.run({"trial-balance", "--data", books, "--json"}).out);
        CHECK(totals(asked) == expected);
        CHECK(asked["in_transit"] == "0.00");
        CHECK(asked["even"] == true);
        const ProgramResult replayed = program.run({"replay", "--data", books, "--json"});
        CHECK(replayed.exit == 0);
        // Which version wrote them.
        CHECK(replayed.out.find(R"({"kind":"writer","shard":0,"record":0,"term":0,"program":")") !=
              std::string::npos);
        const json summed = json::parse(replayed.lines().front());
        CHECK(summed["kind"] == "trial_balance");
        CHECK(totals(summed) == expected);
        if (shards != std::string("1")) CHECK(summed["returned"] == asked["returned"]);
        CHECK(summed["even"] == true);
    }
}

TEST_CASE("queries: an account that something is held for is not told that nothing is held") {
    const Program program;
    REQUIRE(program
                .submit(
                    R"({"id":"o1","open_account":{"account":"bank","asset":"EUR/2","class":"liability","limit":"unlimited"}}
{"id":"o2","open_account":{"account":"shop","asset":"EUR/2","class":"liability"}}
{"id":"h1","place_hold":{"debit":"bank","credit":"shop","amount":"4.00"}}
)",
                    {"--create"})
                .exit == 0);
    const auto close = [&](const std::string& id, const std::string& account) {
        const std::string line = R"({"id":")" + id + R"(","close_account":{"account":")" + account;
        const json told = json::parse(program.submit(line + "\"}}\n").out);
        CHECK(told["outcome"] == "in_use");
        const json asked = json::parse(
            program.run({"outcome", id, "--json", "--data", program.books().string()}).out);
        return told.value("held", "nothing") + ' ' + asked.value("held", "nothing");
    };
    CHECK(close("x1", "bank") == "4.00 4.00");
    CHECK(close("x2", "shop") == "4.00 4.00");
    CHECK(close("x2", "shop") == "4.00 4.00");  // a repeat
    // A group that fails by it says the same.
    const json group = json::parse(
        program.submit(R"({"id":"g","group":[{"id":"x3","close_account":{"account":"shop"}}]})" "\n")
            .out);
    const auto ask = [&](const char* id) {
        return json::parse(
            program.run({"outcome", id, "--json", "--data", program.books().string()}).out);
    };
    CHECK(group["held"] == "4.00");
    CHECK(ask("g")["held"] == "4.00");
    CHECK(ask("x3")["held"] == "4.00");
    // As it was then.
    program.submit(R"({"id":"r1","release_hold":{"hold":"h1"}})" "\n");
    CHECK(json::parse(program.run({"outcome", "x2", "--json", "--data", program.books().string()})
                          .out)["held"] == "4.00");
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("queries: what a failed group held for an account is not told as held, nor what came since") {
    const Program program;
    REQUIRE(program
                .submit(
                    R"({"id":"o1","open_account":{"account":"bank","asset":"EUR/2","class":"asset","limit":"unlimited"}}
{"id":"o2","open_account":{"account":"z","asset":"EUR/2","class":"asset","limit":"unlimited"}}
{"id":"h1","place_hold":{"debit":"z","credit":"bank","amount":"2.00"}}
)",
                    {"--create"})
                .exit == 0);
    const auto told = [&](const std::string& line) {
        const json outcome = json::parse(program.submit(line + '\n').out);
        CHECK(outcome["accepted"] == (outcome["outcome"] == "held"));
        return outcome.value("held", "nothing");
    };
    const auto asked = [&](const char* id) {
        const json outcome = json::parse(
            program.run({"outcome", id, "--json", "--data", program.books().string()}).out);
        return outcome.value("held", "nothing");
    };
    const std::string close = R"({"id":"c3","close_account":{"account":"z"}})";
    const std::string held = R"({"id":"h3","place_hold":{"debit":"z","credit":"bank","amount":"1.00"}})";
    const std::string group = R"({"id":"g","group":[)" + held + ',' + close + "]}";
    CHECK(told(group) == "nothing");
    CHECK(asked("g") == "nothing");
    CHECK(asked("c3") == "nothing");
    // The account gets the version that the group had given it.
    told(R"({"id":"h9","place_hold":{"debit":"z","credit":"bank","amount":"5.00"}})");
    CHECK(told(group) == "nothing");
    CHECK(told(close) == "nothing");
    CHECK(told(R"({"id":"g2","group":[)" + close + "]}") == "nothing");
    CHECK(asked("g2") == "nothing");
}
