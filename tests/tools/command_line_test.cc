// What is asked of the command line itself: words, values, help.
#include "tests/tools/opened_books.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <regex>
#include <string>
#include <utility>
#include <vector>

using namespace vouch::test;
namespace fs = std::filesystem;

TEST_CASE("command line: --version names version and commit") {
    const std::regex line("vouch [0-9.]+, commit ([0-9a-f]{12,40}(-dirty)?|unknown)\n");
    const ProgramResult result = Program().run({"--version"});
    CHECK_MESSAGE(std::regex_match(result.out, line), result.out);
}

TEST_CASE("command line: right and wrong words") {
    const OpenedBooks made;
    struct Row {
        std::vector<std::string> arguments;
        int exit;
    };
    std::vector<Row> rows = {
        {{}, 2},
        {{"--help"}, 0},
        {{"--version"}, 0},
        {{"pay"}, 2},
        {{"submit", "--help"}, 0},
        {{"submit", "-"}, 2},
        {{"submit", "no-such-file", "--data", made.books}, 2},
        {{"submit", ".", "--data", made.books}, 2},
        {{"submit", "-", "--data", made.books, "--shards", "two"}, 2},
        {{"balance", "--data", made.books}, 2},
        {{"balance", "alice", "--all", "--data", made.books}, 2},
        {{"balance", "alice", "--at", "noon", "--data", made.books}, 2},
        {{"balance", std::string(256, 'x'), "--data", made.books}, 2},
        {{"balance", "nobody", "--data", made.books}, 5},
        {{"balance", "alice", "--ledger", "1", "--data", made.books}, 5},
        {{"account", "nobody", "--data", made.books}, 5},
        {{"statement", "nobody", "--data", made.books}, 5},
        {{"entry", "o1", "--data", made.books}, 5},
        {{"entry", "t2", "--data", made.books}, 5},
        {{"hold", "t1", "--data", made.books}, 5},
        {{"outcome", "t2", "--data", made.books}, 5},
        {{"outcome", "ffffffffffffffffffffffffffffffff", "--data", made.books}, 2},
        {{"replay"}, 2},
        {{"replay", "--data", made.books, "--archive", "x"}, 2},
        {{"replay", "--archive", "no-such-file"}, 3},
        {{"keys"}, 2},
        {{"keys", "create", "--data", made.books}, 3},
        {{"serve", "--data", "no-such-directory", "--longest-transaction", "60"}, 2},
    };
    for (const char* const seconds : {"-1", "1.5", "60s", "4294967296"}) {
        rows.push_back({{"serve", "--data", made.books, "--kafka", "127.0.0.1:1", "--name", "books",
                         "--longest-transaction", seconds},
                        2});
    }
    for (const Row& row : rows) {
        std::string words;
        for (const std::string& word : row.arguments) words += word + " ";
        CAPTURE(words);
        const ProgramResult result = made.program.run(row.arguments);
        CAPTURE(result.err);
        CHECK(result.exit == row.exit);
        // Help is data; every complaint is a message.
        CHECK(result.out.empty() == (row.exit != 0));
        CHECK(result.err.empty() == (row.exit == 0));
    }
}

TEST_CASE("command line: what is mistyped is named, in one style, and help is asked for in two ways") {
    const Program program;
    const auto said = [&](const std::vector<std::string>& arguments) {
        const ProgramResult result = program.run(arguments);
        CHECK(result.exit == 2);
        CHECK(result.out.empty());
        return result.err;
    };
    CHECK(said({"sumbit", "-"}) ==
          "vouch: there is no subcommand 'sumbit', the nearest is 'submit'; 'vouch help' lists "
          "them\n");
    CHECK(said({"keys", "shwo"}) ==
          "vouch: there is no subcommand 'shwo', the nearest is 'show'; 'vouch help keys' lists "
          "them\n");
    CHECK(said({"help", "pay"}) ==
          "vouch: there is no subcommand 'pay'; 'vouch help' lists them\n");
    for (const std::vector<std::string>& wrong :
         {std::vector<std::string>{}, {"keys"}, {"balance", "--data", "x", "--frob"},
          {"serve", "--data"}, {"balance", "alice"}, {"status", "--data", "x", "--http", "y"}}) {
        const std::string text = said(wrong);
        CAPTURE(text);
        CHECK(text.starts_with("vouch: "));
        CHECK(text.find('\n') == text.size() - 1);
        CHECK(text.find("; 'vouch help") != std::string::npos);
    }
    const std::vector<std::pair<std::vector<std::string>, std::string>> rows = {
        {{"balance", "alice", "--dta", "x"}, "there is no option '--dta', the nearest is '--data'"},
        {{"balance", "alice", "--data", "x", "--jsno=1"},
         "there is no option '--jsno', the nearest is '--json'"},
        {{"balance", "alice"}, "expected one of --data or --http, found none"},
        {{"balance", "alice", "--data", "x", "--http", "y"},
         "expected one of --data or --http, found more than that"},
        {{"balance", "alice", "bob", "--data", "x"}, "expected nothing more, found 'bob'"},
        {{"balance", "alice", "--data"}, "--data: expected a value, found nothing"},
        {{"outcome", "-x", "--data", "y"},
         "id: expected a value, found nothing ('-x' is taken as one behind '--')"},
        {{"trial-balance", "--data", "x", "--ledger", "y"},
         "--ledger: expected a number, found 'y'"},
        {{"status", "--data", "x", "--data", "y"}, "--data: expected once, found 2 times"},
        {{"serve", "--data", "x", "--kafka", "y"}, "--kafka: expected with --name"},
        {{"keys", "show"}, "--data: expected a value, found nothing"},
        {{"keys"}, "expected a subcommand, found none"}};
    for (const auto& [words, expected] : rows) {
        const std::string text = said(words);
        CHECK_MESSAGE(text.starts_with("vouch: " + expected + "; 'vouch help"), text);
    }
    CHECK(program.run({"help"}).out == program.run({"--help"}).out);
    CHECK(program.run({"help", "submit"}).out == program.run({"submit", "--help"}).out);
    for (const std::string words : {"help", "--version", "help keys show"})
        CHECK(program.shell(words + " > /dev/full").exit == 4);
    const ProgramResult keys = program.run({"help", "keys", "show"});
    CHECK(keys.exit == 0);
    CHECK(keys.out == program.run({"keys", "show", "--help"}).out);
}

TEST_CASE("command line: an empty value is none, not zero and not what goes without saying") {
    const OpenedBooks made;
    const std::string fresh = (made.program.home() / "fresh").string();
    const std::vector<std::vector<std::string>> rows = {
        {"submit", "-", "--data", ""},
        {"submit", "-", "--http", ""},
        {"submit", "-", "--data", made.books, "--passphrase-file", ""},
        {"submit", "-", "--data", fresh, "--create", "--shards", ""},
        {"submit", "", "--data", made.books},
        {"serve", "--data", made.books, "--listen", ""},
        {"serve", "--data", fresh, "--create", "--shards", ""},
        {"serve", "--data", fresh, "--kafka", "", "--name", "books"},
        {"serve", "--data", fresh, "--kafka", "127.0.0.1:1", "--name", ""},
        {"serve", "--data", fresh, "--kafka", "127.0.0.1:1", "--name", "books", "--replicas", ""},
        {"serve", "--data", fresh, "--kafka", "127.0.0.1:1", "--name", "books", "--in-sync", ""},
        {"serve", "--data", fresh, "--kafka", "127.0.0.1:1", "--name", "books",
         "--longest-transaction", ""},
        {"status", "--data", ""},
        {"balance", "", "--data", made.books},
        {"balance", "alice", "--data", made.books, "--at", ""},
        {"balance", "alice", "--data", made.books, "--ledger", ""},
        {"replay", "--data", made.books, "--threads", ""},
        {"replay", "--data", made.books, "--keys", ""},
        {"export", "", "--data", made.books},
        {"keys", "change-passphrase", "--data", made.books, "--new-passphrase-file", ""},
    };
    for (const std::vector<std::string>& row : rows) {
        std::string words;
        for (const std::string& word : row) words += word + " ";
        CAPTURE(words);
        const ProgramResult result = made.program.run(row);
        CHECK(result.exit == 2);
        CHECK_MESSAGE(result.err.find(": expected a value, found nothing") != std::string::npos,
                      result.err);
    }
    CHECK(!fs::exists(fresh));
}

TEST_CASE("command line: every subcommand's help has an example") {
    const Program program;
    for (const std::vector<std::string>& subcommand : {std::vector<std::string>{"submit"},
                                                       {"account"},
                                                       {"balance"},
                                                       {"statement"},
                                                       {"entry"},
                                                       {"hold"},
                                                       {"outcome"},
                                                       {"trial-balance"},
                                                       {"replay"},
                                                       {"export"},
                                                       {"keys"},
                                                       {"keys", "create"},
                                                       {"keys", "show"},
                                                       {"keys", "change-passphrase"}}) {
        std::vector<std::string> arguments = subcommand;
        arguments.push_back("--help");
        CAPTURE(subcommand.back());
        const ProgramResult result = program.run(arguments);
        CHECK(result.exit == 0);
        CHECK(result.out.find("Example:\n  ") != std::string::npos);
    }
}
