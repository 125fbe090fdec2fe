#include "tests/tools/opened_books.h"
#include "tests/tools/stranger.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

using namespace vouch::test;
using nlohmann::json;

namespace {

namespace fs = std::filesystem;

std::string balances(const Program& program) {
    const ProgramResult result =
        program.run({"balance", "--all", "--json", "--data", program.books().string()});
    REQUIRE(result.exit == 0);
    std::string all;
    for (const std::string& line : result.lines()) {
        json balance = json::parse(line);
        balance.erase("as_of");
        all += balance.dump() + "\n";
    }
    return all;
}

}  // namespace

TEST_CASE("bad input: a server that is no vouch is not believed, nor passed on what it says") {
    const Program program;
    const Stranger stranger({http_answer("200 OK", "text/html", "<html>\x1b[31mready\n</html>\n")});
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"trial-balance"}, {"balance", "alice"}, {"status"},
          {"submit", "-"}}) {
        std::vector<std::string> all = arguments;
        all.insert(all.end(), {"--http", stranger.url()});
        CAPTURE(all[0]);
        const ProgramResult result = program.run(all, kOpenAndPay);
        check_refused(result, 4, "what answers at " + stranger.url() +
                                     " is no server of vouch: asked for /version, it said 200 "
                                     "\"<html>?[31mready?</html>?\"\n");
    }
}

TEST_CASE("bad input: an archive is not made among the files of the books, nor called a dash") {
    const OpenedBooks made;
    const auto before = tree(made.books);
    const std::string sentence = "would lie in the data directory";
    const auto export_to = [&](const std::string& file) {
        return made.program.run({"export", file, "--data", made.books});
    };
    check_refused(export_to(made.books + "/log/00000001.segment"), 2, sentence);
    check_refused(export_to(made.books + "/../books/archive"), 2, sentence);
    check_refused(export_to("-"), 2, "found -");
    CHECK(tree(made.books) == before);
    CHECK(export_to(made.books + "-archive").exit == 0);
}

TEST_CASE("bad input: lines that are no valid commands reach nothing, and name field and reason") {
    const OpenedBooks made;
    const std::string before = balances(made.program);
    const std::string log_before = made.program.run({"replay", "--data", made.books, "--json"}).out;
    struct Row {
        std::string line;
        std::string field;
        std::string detail;
        std::string outcome = "malformed";
    };
    std::string many = R"({"id":"b","group":[)";
    for (int i = 0; i <= 500; ++i) {
        many += R"({"id":"m)" + std::to_string(i) +
                R"(","transfer":{"debit":"cash","credit":"alice","amount":"1"}})" +
                (i < 500 ? "," : "]}");
    }
    const std::vector<Row> rows = {
        {many, "group",
         "at most 1000 postings in a group, found 1002: a transfer, capture, reversal or refund "
         "counts 2",
         "too_large"},
        {R"({"id":"b","group":[{"id":"b","close_account":{"account":"alice"}}]})", "group[0].id",
         "expected another id than the group's, found the same"},
        {R"({"id":"b","group":[{"id":"c","group":[]}]})", "group[0].group",
         "no member of a group may be a group"},
        {R"({"id":"b","transfer":{"debit":"cash","credit":"alice","amount":"1.005"}})", "amount",
         "at most 2 decimals for EUR/2"},
        {R"({"id":"b","transfer":{"debit":"yen","credit":"alice","amount":"1.5"}})", "amount",
         "at most 0 decimals for JPY/0"},
        {R"({"id":"b","transfer":{"debit":"cash","credit":"alice","amount":1}})", "amount",
         "expected a string, found a number"},
        {R"({"id":"b","transfer":{"debit":"cash","credit":"alice","amount":"1","memo":"x"}})",
         "memo", "unknown key in transfer"},
        {R"({"id":"b","id":"c","transfer":{"debit":"cash","credit":"alice","amount":"1"}})", "id",
         "repeated key"},
        {R"({"id":")" + std::string(256, 'x') + R"(","close_account":{"account":"alice"}})", "id",
         "expected 1 to 255 bytes, or an id of 128 bits that is not all zeros or ones"},
        {R"({"id":"b","close_account":{"account":""}})", "account",
         "expected 1 to 255 bytes, or an id of 128 bits that is not all zeros or ones"},
        {R"({"id":"b","transfer":{"debit":"cash","credit":"alice"}})", "amount",
         "required in transfer"},
        {R"({"id":"b","close_account":{"account":"alice"})", "",
         "no JSON: incomplete JSON at byte 45"},
        {R"({"clock":"2030-01-01T00:00:00Z"})", "clock", "these books have no test clock"},
    };
    std::string lines;
    for (const Row& row : rows) lines += row.line + "\n";
    const ProgramResult result = made.program.submit(lines, {"--keep-going"});
    CHECK(result.exit == 2);
    const std::vector<std::string> outcomes = result.lines();
    REQUIRE(outcomes.size() == rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        CAPTURE(rows[i].line);
        const json outcome = json::parse(outcomes[i]);
        CHECK(outcome["line"] == i + 1);
        CHECK(outcome["accepted"] == false);
        CHECK(outcome["outcome"] == rows[i].outcome);
        CHECK(outcome["field"] == rows[i].field);
        CHECK(outcome["detail"] == rows[i].detail);
    }
    CHECK(balances(made.program) == before);
    // The only new records are the new writer's term and its last mark.
    const auto events = [](const std::string& text) {
        json last = json::parse(text.substr(text.rfind('\n', text.size() - 2) + 1));
        return last["events"].get<int>();
    };
    CHECK(events(made.program.run({"replay", "--data", made.books, "--json"}).out) ==
          events(log_before) + 2);
}

TEST_CASE("bad input: what the ledger refuses is an outcome, and changes nothing") {
    const OpenedBooks made;
    const std::string before = balances(made.program);
    const ProgramResult result = made.program.submit(
        R"({"id":"1","transfer":{"debit":"cash","credit":"nobody","amount":"1.00"}})"
        "\n"
        R"({"id":"2","transfer":{"debit":"cash","credit":"yen","amount":"1.00"}})"
        "\n"
        R"({"id":"3","post_entry":{"postings":[{"account":"cash","debit":"1.00"},{"account":"alice","credit":"2.00"}]}})"
        "\n"
        R"({"id":"4","transfer":{"debit":"alice","credit":"cash","amount":"10.01"}})"
        "\n"
        R"({"id":"5","open_account":{"account":"alice","asset":"USD/2","class":"asset"}})"
        "\n");
    CHECK(result.exit == 0);
    std::vector<std::string> outcomes;
    for (const std::string& line : result.lines()) outcomes.push_back(json::parse(line)["outcome"]);
    CHECK(outcomes == std::vector<std::string>{"account_not_found", "asset_mismatch", "unbalanced",
                                               "insufficient_funds", "account_exists"});
    CHECK(balances(made.program) == before);
}

TEST_CASE("bad input: lines and commands that are too large") {
    const OpenedBooks made;
    std::string postings = R"({"account":"cash","debit":"1"})";
    for (int i = 0; i < 1000; ++i) postings += R"(,{"account":"alice","credit":"1"})";
    const ProgramResult result = made.program.submit(
        std::string(3 * 1024 * 1024, 'x') + "\n" + R"({"id":"e","post_entry":{"postings":[)" +
        postings + "]}}\n" +
        R"({"id":"t2","transfer":{"debit":"cash","credit":"alice","amount":"1"}})",
        {"--keep-going"});
    CHECK(result.exit == 2);
    const std::vector<std::string> outcomes = result.lines();
    REQUIRE(outcomes.size() == 3);
    CHECK(
        outcomes[0] ==
        R"({"line":1,"accepted":false,"outcome":"too_large","field":"","detail":"a line of more than 1 MiB"})");
    CHECK(json::parse(outcomes[1])["outcome"] == "too_large");
    CHECK(json::parse(outcomes[1])["field"] == "postings");
    CHECK(json::parse(outcomes[2])["outcome"] == "posted");
}

TEST_CASE("bad input: output that cannot go anywhere goes into no file of the books") {
    const Program program;
    REQUIRE(program.submit(kOpenAndPay, {"--create"}).exit == 0);
    REQUIRE(program.run({"trial-balance", "--data", "books"}).exit == 0);
    const auto locks = [&] {
        return contents((program.books() / "views/lock").string()) +
               contents((program.books() / "log/lock").string());
    };
    CHECK(program.shell("trial-balance --data books >&-").exit == 4);
    CHECK(program.shell("submit - --data books <&- >&- 2>&-").exit != 0);
    for (const char* const word : {"EUR", "vouch", "outcome"})
        CHECK(locks().find(word) == std::string::npos);
}

TEST_CASE("bad input: a server's port that is none is refused, and no other one is asked") {
    const Program program;
    for (const char* const port : {"65536", "99999", "0"})
        check_refused(program.run({"balance", "alice", "--http", "http://127.0.0.1:" + std::string(port)}),
                      3, "expected a server's port of 1 to 65535");
}

TEST_CASE(
    "bad input: directories that are none, of other options, half made or of a newer format") {
    const Program program;
    const std::string books = program.books().string();
    check_refused(program.submit(""), 3, "no books there, there is no such directory. If");
    CHECK(!fs::exists(books));
    check_refused(program.run({"balance", "alice", "--data", books}), 3, "NEW, EMPTY ones");
    check_refused(program.submit("", {"--create", "--shards", "0"}), 3, "1 to 1024 shards");
    check_refused(program.submit("", {"--create", "--shards", "1025"}), 3, "1 to 1024 shards");
    CHECK(!fs::exists(books));

    fs::create_directory(books);
    std::ofstream(books + "/letter.txt") << "dear";
    const auto letter = tree(books);
    check_refused(program.submit("", {"--create"}), 3,
                  "is no data directory of vouch, and not empty");
    CHECK(tree(books) == letter);
    check_refused(program.run({"submit", "-", "--data", books + "/letter.txt", "--create"}), 3,
                  "is no directory");
    fs::remove(books + "/letter.txt");

    // An empty directory is as good as none; the books are private.
    REQUIRE(program.submit(kOpenAndPay, {"--create", "--shards", "2"}).exit == 0);
    CHECK(fs::status(books).permissions() == fs::perms::owner_all);
    CHECK(program.submit("", {"--create", "--shards", "2"}).exit == 0);
    CHECK(program.submit("", {"--shards", "2"}).exit == 0);
    const auto made = tree(books);
    check_refused(program.submit("", {"--shards", "3"}), 3,
                  "was made with 2 shards, not with 3 shards");
    check_refused(program.submit("", {"--create", "--test-clock"}), 3,
                  "was made without a test clock");
    CHECK(tree(books) == made);

    const std::string deployment = contents(books + "/deployment");
    REQUIRE(deployment.substr(0, 2) == std::string("\x08\x03"));
    std::ofstream(books + "/deployment", std::ios::binary) << "\x08\x01" << deployment.substr(2);
    check_refused(program.run({"balance", "alice", "--data", books}), 3, "an earlier program");
    std::ofstream(books + "/deployment", std::ios::binary) << "\x08\x04" << deployment.substr(2);
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{"submit", "-"},
                                                      {"balance", "alice"},
                                                      {"replay"},
                                                      {"export", "x"},
                                                      {"keys", "show"}}) {
        std::vector<std::string> all = arguments;
        all.insert(all.end(), {"--data", books});
        check_refused(program.run(all), 3, "format");
    }
    fs::remove(books + "/deployment");
    check_refused(program.submit("", {"--create"}), 3, "the file deployment is missing");
}

TEST_CASE("bad input: a directory where the file deployment should be is named") {
    const Program program;
    const std::string books = program.books().string();
    REQUIRE(program.submit("", {"--create"}).exit == 0);
    fs::remove(books + "/deployment");
    fs::create_directory(books + "/deployment");
    check_refused(program.submit(""), 3, "/deployment is a directory, expected a file");
    check_refused(program.run({"balance", "--all", "--data", books}), 3, "expected a file");
}

TEST_CASE("bad input: a data directory that others may write in is warned of, by who writes") {
    const Program program;
    const std::string books = program.books().string();
    const ProgramResult made = program.submit("", {"--create"});
    REQUIRE(made.exit == 0);
    const std::string warning = "others than its owner may write in " + books;
    CHECK(made.err.find(warning) == std::string::npos);
    fs::permissions(books, fs::perms::all);
    const ProgramResult open = program.submit("");
    CHECK(open.exit == 0);
    CHECK_MESSAGE(open.err.find(warning) != std::string::npos, open.err);
}

TEST_CASE("bad input: an edited deployment stops whatever would believe it, and is named") {
    const Program program;
    const std::string books = program.books().string();
    REQUIRE(program.submit(kOpenAndPay, {"--create"}).exit == 0);
    const std::string deployment = contents(books + "/deployment");
    // Two bytes more, and it would say that these books have a test clock.
    std::ofstream(books + "/deployment", std::ios::binary) << deployment << "\x38\x01";
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{"submit", "-"},
                                                      {"balance", "alice"},
                                                      {"trial-balance"},
                                                      {"export", books + "/../archive"}}) {
        std::vector<std::string> all = arguments;
        all.insert(all.end(), {"--data", books});
        CAPTURE(all[0]);
        check_refused(program.run(all), 1, "the file `deployment` is not the one");
    }
    CHECK(program.run({"replay", "--data", books}).exit == 1);
    CHECK(program.run({"replay", "--without-keys", "--data", books}).exit == 1);
    std::ofstream(books + "/deployment", std::ios::binary) << deployment;
    CHECK(program.run({"balance", "alice", "--data", books}).exit == 0);
}
