#include "tests/tools/program.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace vouch;
using nlohmann::json;
using test::Program;
using test::ProgramResult;

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOpen =
    "{\"id\":\"o1\",\"open_account\":{\"account\":\"cash\",\"asset\":\"EUR/"
    "2\",\"class\":\"asset\",\"limit\":\"unlimited\"}}\n"
    "{\"id\":\"o2\",\"open_account\":{\"account\":\"alice\",\"asset\":\"EUR/"
    "2\",\"class\":\"liability\"}}\n"
    "{\"id\":\"o3\",\"open_account\":{\"account\":\"yen\",\"asset\":\"JPY/"
    "0\",\"class\":\"liability\"}}\n"
    "{\"id\":\"t1\",\"transfer\":{\"debit\":\"cash\",\"credit\":\"alice\",\"amount\":\"10.00\"}}\n";

std::string contents(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Every file below a directory with what is in it.
std::map<std::string, std::string> tree(const fs::path& directory) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
        files[entry.path().string()] = entry.is_regular_file() ? contents(entry.path()) : "";
    }
    return files;
}

/// A refusal with its sentence: exit code, nothing on stdout, "vouch: " and this on stderr.
void check_refused(const ProgramResult& result, int exit, const std::string& sentence) {
    CAPTURE(result.err);
    CHECK(result.exit == exit);
    CHECK(result.out.empty());
    CHECK(result.err.find(sentence) != std::string::npos);
}

struct BooksOfBadInput {
    Program program;
    std::string books = program.books().string();
    BooksOfBadInput() { REQUIRE(program.submit(std::string(kOpen), {"--create"}).exit == 0); }
    fs::path passphrase() const {
        for (const auto& entry : fs::directory_iterator(program.home() / ".config" / "vouch"))
            return entry.path();
        return {};
    }
};

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

/// Serves HTTP on loopback, and is no vouch: says the same to whatever it is asked.
class Stranger {
public:
    Stranger() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        auto* const named = reinterpret_cast<sockaddr*>(&address);
        REQUIRE(::bind(listener_, named, size) == 0);
        REQUIRE(::listen(listener_, 8) == 0);
        REQUIRE(::getsockname(listener_, named, &size) == 0);
        url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
        thread_ = std::thread([this] { serve(); });
    }
    ~Stranger() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }
    Stranger(const Stranger&) = delete;
    Stranger& operator=(const Stranger&) = delete;

    const std::string& url() const { return url_; }

private:
    void serve() const {
        const std::string body = "<html>\x1b[31mready\n</html>\n";
        const std::string answer = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                                   "Connection: close\r\nContent-Length: " +
                                   std::to_string(body.size()) + "\r\n\r\n" + body;
        for (int peer = 0; (peer = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(peer)) {
            char request[4096];
            if (::recv(peer, request, sizeof(request), 0) > 0)
                (void)::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
        }
    }

    int listener_;
    std::string url_;
    std::thread thread_;
};

}  // namespace

TEST_CASE("bad input: a server that is no vouch is not believed, nor passed on what it says") {
    const Program program;
    const Stranger stranger;
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"trial-balance"}, {"balance", "alice"}, {"status"},
          {"submit", "-"}}) {
        std::vector<std::string> all = arguments;
        all.insert(all.end(), {"--http", stranger.url()});
        CAPTURE(all[0]);
        const ProgramResult result = program.run(all, std::string(kOpen));
        check_refused(result, 4, "what answers at " + stranger.url() +
                                     " is no server of vouch: asked for /version, it said 200 "
                                     "\"<html>?[31mready?</html>?\"\n");
    }
}

TEST_CASE("bad input: an archive is not made among the files of the books, nor called a dash") {
    const BooksOfBadInput made;
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
    const BooksOfBadInput made;
    const std::string before = balances(made.program);
    const std::string log_before = made.program.run({"replay", "--data", made.books, "--json"}).out;
    struct Row {
        std::string line;
        std::string field;
        std::string detail;
    };
    const std::vector<Row> rows = {
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
        CHECK(outcome["outcome"] == "malformed");
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
    const BooksOfBadInput made;
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
    const BooksOfBadInput made;
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
    REQUIRE(program.submit(std::string(kOpen), {"--create"}).exit == 0);
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
    REQUIRE(program.submit(std::string(kOpen), {"--create", "--shards", "2"}).exit == 0);
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

TEST_CASE("bad input: an edited deployment stops whatever would believe it, and is named") {
    const Program program;
    const std::string books = program.books().string();
    REQUIRE(program.submit(std::string(kOpen), {"--create"}).exit == 0);
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

TEST_CASE("bad input: a creation that is refused leaves nothing behind") {
    const Program program;
    const fs::path deep = program.home() / "a" / "b" / "books";
    check_refused(program.run({"submit", "-", "--data", deep.string(), "--create",
                               "--passphrase-file", (deep / "passphrase").string()}),
                  3, "must lie outside the data directory");
    CHECK(fs::is_empty(program.home()));
    // What was there before stays, and somebody else's file with it.
    fs::create_directory(program.home() / "a");
    std::ofstream(program.home() / "letter.txt") << "dear";
    const auto before = tree(program.home());
    check_refused(program.run({"submit", "-", "--data", deep.string(), "--create",
                               "--passphrase-file", (program.home() / "letter.txt" / "x").string()}),
                  3, "letter.txt");
    CHECK(tree(program.home()) == before);
    CHECK(program.run({"submit", "-", "--data", deep.string(), "--create"}).exit == 0);
}

TEST_CASE("bad input: a creation that fails leaves a passphrase file that somebody named") {
    const Program program;
    const fs::path shared = program.home() / "shared" / "passphrase";
    // So long a name that the directory can be made, and nothing beside a key file's name in it.
    constexpr std::size_t kPathBytesMax = 4095 - std::string_view("/keys").size();
    constexpr std::size_t kNameBytesMax = 250;
    std::string books = program.home().string();
    while (books.size() + 2 + kNameBytesMax < kPathBytesMax)
        books += "/" + std::string(kNameBytesMax, 'b');
    books += "/" + std::string(kPathBytesMax - 1 - books.size(), 'b');
    const auto create = [&](std::vector<std::string> more) {
        std::vector<std::string> all = {"submit", "-", "--data", books, "--create"};
        all.insert(all.end(), more.begin(), more.end());
        return program.run(all);
    };
    CHECK(create({}).exit != 0);
    CHECK(fs::is_empty(program.home()));
    CHECK(create({"--passphrase-file", shared.string()}).exit != 0);
    // Other books may be sealed with it by now.
    CHECK(fs::exists(shared));
    CHECK_FALSE(fs::exists(books));
}

TEST_CASE("bad input: what a killed creation leaves is cleared by the next one, but no records") {
    const Program program;
    const std::string books = program.books().string();
    const fs::path config = program.home() / ".config" / "vouch";
    const auto passphrases = [&] {
        std::vector<fs::path> found;
        for (const auto& each : fs::directory_iterator(config)) found.push_back(each.path());
        return found;
    };
    REQUIRE(program.submit(std::string(kOpen), {"--create"}).exit == 0);
    REQUIRE(passphrases().size() == 1);
    const fs::path first = passphrases().front();
    const auto cut_off = [&] {
        for (const char* const later : {"/deployment", "/instance", "/origin"})
            fs::remove(books + later);
        std::ofstream(books + "/creation") << "vouch creation 1\n" << first.string();
    };
    cut_off();
    const auto before = tree(books);
    check_refused(program.submit("", {"--create"}), 3, "log/ holds records");
    check_refused(program.submit(""), 3, "was interrupted; --create begins anew");
    CHECK(tree(books) == before);
    CHECK(fs::exists(first));

    fs::remove_all(books + "/log");
    std::ofstream(first.string() + ".123456") << "half";
    std::ofstream(first.string() + ".old") << "mine";
    std::ofstream(books + "/keys.123456") << "half";
    const ProgramResult anew = program.submit("", {"--create"});
    CHECK(anew.exit == 0);
    CHECK_MESSAGE(anew.err.find("was cut off here; what it left is removed") != std::string::npos,
                  anew.err);
    CHECK(!fs::exists(first));
    CHECK(!fs::exists(books + "/keys.123456"));
    CHECK(!fs::exists(books + "/creation"));
    // Nor is anything removed that we do not make.
    REQUIRE(fs::remove(first.string() + ".old"));
    CHECK(passphrases().size() == 1);
    // A kill before the note was written has left nothing else.
    fs::remove_all(books);
    fs::create_directory(books);
    std::ofstream(books + "/creation") << "vouch cre";
    CHECK(program.submit("", {"--create"}).exit == 0);
}

TEST_CASE("bad input: a file `creation` that may be somebody else's removes nothing") {
    const Program program;
    const std::string books = program.books().string();
    const std::string title = "vouch creation 1\n";
    REQUIRE(program.submit(std::string(kOpen), {"--create"}).exit == 0);
    const fs::path config = program.home() / ".config" / "vouch";
    const std::string passphrase = fs::directory_iterator(config)->path().string();
    const std::string of_others = (config / (std::string(32, 'a') + ".passphrase")).string();
    const std::string letter = (program.home() / "letter.passphrase").string();
    for (const std::string& each : {of_others, letter, of_others + ".old"})
        std::ofstream(each) << "dear";
    fs::remove(books + "/deployment");
    const auto check_kept = [&](const std::string& note, const std::string& sentence) {
        CAPTURE(note);
        std::ofstream(books + "/creation", std::ios::trunc) << note;
        const auto before = tree(program.home());
        check_refused(program.submit("", {"--create"}), 3, sentence);
        CHECK(tree(program.home()) == before);
    };
    // A log that cannot be opened may hold records.
    const std::string segment = books + "/log/00000000.segment";
    std::fstream(segment, std::ios::in | std::ios::out | std::ios::binary).put('?');
    for (const std::string& note : {title + passphrase, std::string(), title})
        check_kept(note, "log/ holds records");
    // Whose log that was is not known any more.
    fs::remove_all(books + "/log");
    for (const std::string& note : {title + of_others, title + letter, title + passphrase + ".old",
                                    title + "x.passphrase", title, std::string("vouch"),
                                    std::string("dear")})
        check_kept(note, "the file deployment is missing");
    fs::remove_all(books);
    fs::create_directories(books + "/views");
    std::ofstream(books + "/views/index.html") << "dear";
    for (const std::string& note : {std::string(), title + letter})
        check_kept(note, "is no data directory of vouch, and not empty");
}

TEST_CASE("bad input: creations that are killed at any moment leave one passphrase to the last") {
    const Program program;
    const std::string books = program.books().string();
    constexpr int kKills = 12;
    std::ptrdiff_t passphrases = 1;
    for (int i = 0; i < kKills; ++i) {
        test::RunningProgram running(program, {"submit", "-", "--data", books, "--create"},
                                     {.limits = {}, .err = program.home() / "err"});
        // Some step of the making, and each time another one.
        const std::vector<std::string> steps = {"", "/creation", "/keys", "/log"};
        const fs::path step = books + steps[static_cast<std::size_t>(i) % steps.size()];
        while (!fs::exists(step) && !fs::exists(books + "/deployment")) {
        }
        running.kill();
        running.wait();
        if (!fs::exists(books + "/deployment")) continue;
        fs::remove_all(books);  // whoever removes books keeps their passphrase
        ++passphrases;
    }
    const ProgramResult made = program.submit(std::string(kOpen), {"--create"});
    REQUIRE_MESSAGE(made.exit == 0, made.err);
    CHECK(program.run({"replay", "--data", books}).exit == 0);
    const fs::directory_iterator left(program.home() / ".config" / "vouch");
    CHECK(std::distance(begin(left), end(left)) == passphrases);
}

TEST_CASE("bad input: keys that are lost are not replaced where they have sealed anything") {
    const BooksOfBadInput made;
    const std::string key_file = contents(made.books + "/keys");
    fs::remove(made.books + "/keys");
    const auto before = tree(made.books);
    check_refused(made.program.run({"keys", "create", "--data", made.books}), 3,
                  "put the key file back");
    CHECK(tree(made.books) == before);
}

TEST_CASE("bad input: wrong, missing and open passphrases") {
    const BooksOfBadInput made;
    const fs::path passphrase = made.passphrase();
    REQUIRE(!passphrase.empty());
    CHECK(fs::status(passphrase).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
    const std::string right = contents(passphrase);
    const auto before = tree(made.books);
    const auto check_all = [&](const std::string& sentence) {
        for (const std::vector<std::string>& arguments : {std::vector<std::string>{"submit", "-"},
                                                          {"balance", "alice"},
                                                          {"replay"},
                                                          {"export", "x"},
                                                          {"keys", "show"}}) {
            std::vector<std::string> all = arguments;
            all.insert(all.end(), {"--data", made.books});
            CAPTURE(all[0]);
            const ProgramResult result = made.program.run(all);
            check_refused(result, 3, sentence);
            // Neither passphrase is ever shown.
            CHECK(result.err.find("swordfish") == std::string::npos);
            CHECK(result.err.find(right.substr(0, right.find('\n'))) == std::string::npos);
        }
        CHECK(tree(made.books) == before);
    };
    std::ofstream(passphrase) << "swordfish\n";
    check_all("passphrase");
    std::ofstream(passphrase) << right;
    fs::permissions(passphrase, fs::perms::group_read, fs::perm_options::add);
    check_all(passphrase.string());
    fs::remove(passphrase);
    check_all(passphrase.string() + ": the passphrase of the keys is not there; name the file");
    // Without keys everything but the MACs can still be checked, but for what is missing at the end.
    const ProgramResult unkeyed =
        made.program.run({"replay", "--without-keys", "--data", made.books});
    CHECK(unkeyed.exit == 6);
    CHECK(unkeyed.out.starts_with("no findings, but without keys"));
    CHECK_MESSAGE(unkeyed.out.find("missing at the very end is NOT known") != std::string::npos,
                  unkeyed.out);
}

TEST_CASE("bad input: --version names version and commit") {
    const std::regex line("vouch [0-9.]+, commit ([0-9a-f]{12,40}(-dirty)?|unknown)\n");
    const ProgramResult result = Program().run({"--version"});
    CHECK_MESSAGE(std::regex_match(result.out, line), result.out);
}

TEST_CASE("bad input: the command line") {
    const BooksOfBadInput made;
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

TEST_CASE("bad input: what is mistyped is named, in one style, and help is asked for in two ways") {
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
    CHECK(program.run({"help"}).out == program.run({"--help"}).out);
    CHECK(program.run({"help", "submit"}).out == program.run({"submit", "--help"}).out);
    const ProgramResult keys = program.run({"help", "keys", "show"});
    CHECK(keys.exit == 0);
    CHECK(keys.out == program.run({"keys", "show", "--help"}).out);
}

TEST_CASE("bad input: an empty value is none, not zero and not what goes without saying") {
    const BooksOfBadInput made;
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

TEST_CASE("bad input: every subcommand's help has an example") {
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
