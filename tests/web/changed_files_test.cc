#include "tests/support/small_segments.h"
#include "tests/support/text_of_file.h"
#include "tests/web/changed_books.h"
#include "tests/web/served.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// Every way in which a server reads its files, over books of which every region was changed in
// every way, while it runs and before it starts. An answer is the one of unchanged books, byte for
// byte but for the numbers of records, or it is a problem that names the shard; and once the bytes
// are put back, all that was acknowledged is there, and nothing else.

namespace {

using namespace vouch::test;
using nlohmann::json;
namespace fs = std::filesystem;

/// The shard that is changed; shard 0 is left alone.
constexpr int kBad = 1;
constexpr int kPaths = 8;
/// What the questions ask for is in one ledger, what commands change in the other, so that the
/// right answer to a question does not hang on which commands came through before.
constexpr int kAsked = 0;
constexpr int kCommanded = 7;

std::string command(const std::string& id, int ledger, const std::string& what) {
    return R"({"id":")" + id + R"(","ledger":)" + std::to_string(ledger) + "," + what + "}\n";
}

std::string transfer(const std::string& id, int ledger, const std::string& from,
                     const std::string& to, const std::string& amount) {
    return command(id, ledger,
                   R"("transfer":{"debit":")" + from + R"(~cash","credit":")" + to +
                       R"(~purse","amount":")" + amount + R"("})");
}

std::string captured(const std::string& id, const std::string& hold, const std::string& more = "") {
    return command(id, kCommanded, R"("capture_hold":{"hold":")" + hold + R"(")" + more + "}");
}

std::string reversed(const std::string& id, const std::string& entry,
                     const std::string& more = "") {
    return command(id, kCommanded, R"("reverse":{"entry":")" + entry + R"(")" + more + "}");
}

std::string account(const std::string& name) { return R"(,"account":")" + name + R"(")"; }

/// A name as it is in each ledger: of accounts on that shard.
struct Owners {
    std::map<std::pair<int, int>, std::string> names;
    const std::string& of(int ledger, int shard) const { return names.at({ledger, shard}); }
};

/// What a client asks, and by which path the server comes to what it needs for the answer.
struct Ask {
    std::string path;
    std::string target;  ///< of a question
    std::string body;    ///< of a command

    const std::string& text() const { return body.empty() ? target : body; }
};

/// All paths, with ids that no other round uses for what is new.
std::vector<Ask> asks(const Owners& owners, int round) {
    const std::string& bad = owners.of(kCommanded, kBad);
    const std::string& good = owners.of(kCommanded, 1 - kBad);
    // The first round comes to records in the log's midst.
    const std::string n = std::to_string((round + 6) % kPaths);
    std::vector<Ask> all;
    const auto tell = [&](const std::string& path, const std::string& body) {
        all.push_back({path, "", body});
    };
    tell("repeat", transfer("paid " + n, kCommanded, bad, bad, "5.00"));
    tell("conflict", transfer("paid " + n, kCommanded, bad, bad, "6.00"));
    tell("reverse", reversed("back " + n, "paid " + n, account(bad + "~purse")));
    tell("refund", command("part " + n, kCommanded,
                           R"("refund":{"entry":"bought )" + n + R"(","amount":"1.00")" +
                               account(bad + "~purse") + "}"));
    tell("closed hold", captured("late " + n, "held " + n, account(bad + "~cash")));
    tell("look-up of a hold", captured("later " + n, "held " + n));
    tell("look-up of an entry", reversed("entry back " + n, "entry " + n));
    tell("look-up of an id", transfer("bought " + n, kCommanded, good, good, "3.00"));
    tell("crossed", transfer("over " + n, kCommanded, bad, good, "2.00"));
    tell("crossed", transfer("into " + n, kCommanded, good, bad, "2.00"));
    tell("new", transfer("new " + n, kCommanded, bad, bad, "0.01"));
    tell("new", transfer("new elsewhere " + n, kCommanded, good, good, "0.01"));
    tell("new", transfer("new over " + n, kCommanded, bad, good, "0.01"));
    tell("new", transfer("new into " + n, kCommanded, good, bad, "0.01"));
    const auto question = [&](const std::string& target) {
        const char separator = target.find('?') == std::string::npos ? '?' : '&';
        all.push_back({"question", target + separator + "at_least=end", ""});
    };
    const std::string at = "at=2026-01-01T12:00:00Z";
    for (const int shard : {kBad, 1 - kBad}) {
        const std::string name = owners.of(kAsked, shard);
        const std::string place = "/v1/accounts/" + name + "~purse";
        question(place);
        question(place + "/balance");
        question(place + "/balance?" + at);
        question(place + "/statement?page_size=7");
        question(place + "/statement?" + at);
        for (int i = round; i < 60; i += kPaths) {
            question("/v1/entries/" + name + "-" + std::to_string(i));
            question("/v1/outcomes/" + name + "-" + std::to_string(i));
        }
        question("/v1/holds/" + name + "-held");
    }
    for (const std::string what :
         {"/v1/accounts", "/v1/balances", "/v1/statement", "/v1/trial-balance"})
        question(what + "?ledger=0");
    question("/v1/balances?" + at);
    question("/v1/trial-balance?ledger=0&" + at);
    return all;
}

/// By round: what is asked first.
constexpr std::array<std::string_view, kPaths> kPathNames = {
    "repeat",      "conflict",          "reverse",             "refund",
    "closed hold", "look-up of a hold", "look-up of an entry", "look-up of an id"};

/// An answer without the numbers of records, which are a matter of timing.
std::string comparable(const std::string& answer) {
    return answer.substr(9, 3) + " " + without_places(body_of(answer));
}

/// `vouch serve` over the books, or the reason why not.
class Server {
public:
    explicit Server(const Program& program) : err_(program.home() / "err") {
        fs::remove(err_);
        running_ = std::make_unique<RunningProgram>(
            program, std::vector<std::string>{"serve", "--data", program.books().string()},
            RunningProgram::Options{.limits = {}, .err = err_});
        url_ = running_->read_line();
        if (url_.empty()) exit_ = running_->wait();
        else peer_ = std::make_unique<Peer>(url_);
    }

    bool is_up() const { return !url_.empty(); }
    int exit() const { return exit_; }
    std::string err() const { return text_of_file(err_); }
    std::string ask(const Ask& ask) {
        REQUIRE(peer_->send(ask.body.empty()
                                ? get_request(ask.target)
                                : post_request(ask.body, "application/json")));
        CAPTURE(ask.text());
        const std::vector<std::string> answers = peer_->read_answers(1);
        if (!answers.empty()) return answers.front();
        exit_ = running_->wait();
        FAIL("the server has ended with ", exit_, ": ", err());
        return "";
    }
    void kill() {
        running_->kill();
        running_->wait();
    }
    int stop() {
        peer_.reset();
        running_->terminate();
        return running_->wait();
    }

private:
    fs::path err_;
    std::unique_ptr<RunningProgram> running_;
    std::string url_;
    std::unique_ptr<Peer> peer_;
    int exit_ = -1;
};

/// Books of two shards, and what a server over them answers.
class Matrix {
public:
    Matrix() {
        make();
        places_ = std::make_unique<RecordPlaces>(copies_.right);
        learn();
    }

    /// Changes a region in one way under a server, for so many paths one after the other, kills it
    /// and starts another one on what is there. False when that way leaves the region as it was.
    bool change_running(const Region& region, FileAct act, int first_path, int paths);
    /// And under none, before a start.
    void change_stopped(const Region& region, FileAct act);

private:
    void make();
    void learn();
    bool change_books(const Region& region, FileAct act) {
        return change(program_.books(), region, act, *places_, copies_) > 0;
    }
    /// What a walk met instead of answers.
    struct Met {
        int stopped = 0;        ///< problems: the shard has stopped
        int unread = 0;         ///< and its view cannot be read
        bool by_first = false;  ///< on the path that was walked first
    };
    /// Asks everything, the path of that number first.
    Met walk(Server& server, int round);
    /// False when there is no answer, but a problem that names the shard.
    bool check_answer(Server& server, const Ask& ask, const std::string& answer, Met& met);
    void check_start(int round);
    void check_end();

    Program program_;
    BooksCopies copies_{program_.home() / "right", program_.home() / "older",
                        program_.home() / "twin"};
    std::unique_ptr<RecordPlaces> places_;
    Owners owners_;
    std::map<std::string, std::string> right_;         ///< answers, by what is asked
    std::map<std::string, std::string> acknowledged_;  ///< commands' answers, places and all
    std::string balances_;                             ///< once everything was asked
};

void Matrix::make() {
    std::string opening;
    for (const int ledger : {kAsked, kCommanded}) {
        for (int i = 0; i < 8; ++i) {
            const std::string name = "u" + std::to_string(i);
            const auto open = [&](const std::string& which, const std::string& more) {
                opening += command("open " + name + which, ledger,
                                   R"("open_account":{"account":")" + name + "~" + which +
                                       R"(","asset":"EUR/2",)" + more + "}");
            };
            open("cash", R"("class":"asset","limit":"unlimited")");
            open("purse", R"("class":"liability")");
        }
    }
    const ProgramResult opened =
        program_.submit(opening, {"--create", "--shards", "2", "--test-clock"});
    REQUIRE_MESSAGE(opened.exit == 0, opened.err);
    const std::vector<std::string> lines = opened.lines();
    REQUIRE(lines.size() == 32);
    for (int i = 0; i < 32; i += 2) {
        const int shard = json::parse(lines[static_cast<std::size_t>(i)])["shard"];
        const int ledger = i < 16 ? kAsked : kCommanded;
        owners_.names.emplace(std::pair{ledger, shard}, "u" + std::to_string(i / 2 % 8));
    }
    REQUIRE(owners_.names.size() == 4);

    const std::string& bad = owners_.of(kCommanded, kBad);
    const std::string& good = owners_.of(kCommanded, 1 - kBad);
    const auto submit = [&](const std::string& commands) {
        const ProgramResult told = program_.submit(commands);
        REQUIRE_MESSAGE(told.exit == 0, told.err);
        CHECK(told.out.find("\"accepted\":false") == std::string::npos);
    };
    // Files of the log of their own for what commands come back to.
    const auto much = [&](const std::string& id, int count) {
        std::string transfers;
        for (int i = 0; i < count; ++i)
            transfers += transfer(id + " " + std::to_string(i), kCommanded, bad, bad, "1.00");
        return transfers;
    };
    submit(much("before", 400));
    for (const std::string day : {"2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"}) {
        submit(R"({"clock":")" + day + "\"}\n");
        for (int i = day.find("-02T") == std::string::npos ? 0 : 1; i < kPaths; i += 2) {
            const std::string n = std::to_string(i);
            std::string old = transfer("paid " + n, kCommanded, bad, bad, "5.00") +
                              transfer("bought " + n, kCommanded, bad, bad, "5.00");
            old += command("entry " + n, kCommanded,
                           R"("post_entry":{"postings":[{"account":")" + bad +
                               R"(~cash","debit":"4.00"},{"account":")" + bad +
                               R"(~purse","credit":"4.00"}]})");
            old += command("held " + n, kCommanded,
                           R"("place_hold":{"debit":")" + bad + R"(~cash","credit":")" + bad +
                               R"(~purse","amount":"2.00"})") +
                   captured("captured " + n, "held " + n, R"(,"amount":"1.00")");
            for (int j = i; j < 60; j += kPaths) {
                for (const int shard : {kBad, 1 - kBad}) {
                    const std::string& name = owners_.of(kAsked, shard);
                    old += transfer(name + "-" + std::to_string(j), kAsked, name, name, "1.50");
                }
            }
            submit(old + much("with " + n, 40));
        }
    }
    std::string holds;
    for (const int shard : {kBad, 1 - kBad}) {
        const std::string& name = owners_.of(kAsked, shard);
        holds += command(name + "-held", kAsked,
                         R"("place_hold":{"debit":")" + name + R"(~cash","credit":")" + name +
                             R"(~purse","amount":"2.00"})");
    }
    submit(holds + much("behind", 400));
    write_in_small_segments(program_.books() / "log", 2);
    const auto settle = [&] {
        Server server(program_);
        REQUIRE(server.is_up());
        REQUIRE(verdict_of(server.ask({"", "/v1/trial-balance?at_least=end", ""})) == "200");
        REQUIRE(server.stop() == 0);
    };
    settle();
    copy_books(program_.books(), copies_.older);
    std::string crossing;
    for (int i = 0; i < kPaths; ++i) {
        const std::string n = std::to_string(i);
        crossing += transfer("over " + n, kCommanded, bad, good, "2.00") +
                    transfer("into " + n, kCommanded, good, bad, "2.00");
    }
    submit(crossing);
    settle();
    copy_books(program_.books(), copies_.right);
    for (const std::string made : {"shards/1/store", "views/1"})
        fs::remove_all(program_.books() / made);
    settle();
    copy_books(program_.books(), copies_.twin);
}

/// The answers of a server whose books nobody has touched.
void Matrix::learn() {
    copy_books(copies_.right, program_.books());
    Server server(program_);
    REQUIRE(server.is_up());
    for (int round = 0; round < kPaths; ++round) {
        for (const Ask& ask : asks(owners_, round)) {
            const std::string answer = server.ask(ask);
            CAPTURE(ask.text());
            REQUIRE_MESSAGE(verdict_of(answer) == "200", answer);
            const auto [known, is_new] = right_.emplace(ask.text(), comparable(answer));
            if (!is_new) CHECK(known->second == comparable(answer));
        }
    }
    REQUIRE(server.stop() == 0);
    check_end();
}

bool Matrix::check_answer(Server& server, const Ask& ask, const std::string& answer, Met& met) {
    CAPTURE(ask.path);
    CAPTURE(ask.text());
    const std::string verdict = verdict_of(answer);
    if (verdict == "200") {
        CHECK(comparable(answer) == right_.at(ask.text()));
        if (!ask.body.empty()) {
            const auto [known, is_new] = acknowledged_.emplace(ask.text(), body_of(answer));
            if (!is_new && answer.find("\"accepted\":true") != std::string::npos)
                CHECK(known->second == body_of(answer));
        }
        return true;
    }
    if (verdict == "500 views-failed") {
        const std::string ready = server.ask({"", "/readyz", ""});
        CHECK_MESSAGE(ready.find("the view of shard 1 is damaged") != std::string::npos, ready);
        ++met.unread;
        return false;
    }
    ++met.stopped;
    CHECK_MESSAGE(verdict == "503 shard-stopped", answer);
    CHECK_MESSAGE(answer.find("\"shard\":1") != std::string::npos, answer);
    CHECK_MESSAGE(answer.find("shard 1 ") != std::string::npos, answer);
    return false;
}

Matrix::Met Matrix::walk(Server& server, int round) {
    std::vector<Ask> all = asks(owners_, round);
    const std::string_view first = kPathNames[static_cast<std::size_t>(round)];
    std::ranges::stable_partition(all, [&](const Ask& ask) { return ask.path == first; });
    Met met;
    for (const Ask& ask : all) {
        if (!check_answer(server, ask, server.ask(ask), met) && ask.path == first)
            met.by_first = true;
    }
    return met;
}

/// A start on files that were changed: it serves what is right, or says why it does not.
void Matrix::check_start(int round) {
    Server server(program_);
    if (server.is_up()) {
        walk(server, round);
        server.kill();
        return;
    }
    const std::string err = server.err();
    CHECK_MESSAGE((server.exit() == 1 || server.exit() == 3), err);
    CHECK_MESSAGE((err.find("shard 1 ") != std::string::npos ||
                   err.find(program_.books().string()) != std::string::npos),
                  err);
}

/// Once everything is right again, all commands have their outcomes, and the books are what those
/// of a server are that nobody has troubled.
void Matrix::check_end() {
    {
        Server server(program_);
        REQUIRE_MESSAGE(server.is_up(), server.err());
        Met met;
        for (int round = 0; round < kPaths; ++round) {
            for (const Ask& ask : asks(owners_, round)) {
                if (round == 0 || !ask.body.empty())
                    CHECK(check_answer(server, ask, server.ask(ask), met));
            }
        }
        const std::string balances = without_places(
            body_of(server.ask({"", "/v1/balances?ledger=7&at_least=end", ""})) +
            body_of(server.ask({"", "/v1/trial-balance?ledger=7&at_least=end", ""})));
        if (balances_.empty()) balances_ = balances;
        CHECK(balances == balances_);
        CHECK(server.stop() == 0);
    }
    const ProgramResult replayed =
        program_.run({"replay", "--views", "--data", program_.books().string()});
    CHECK_MESSAGE(replayed.exit == 0, replayed.out);
    CHECK(replayed.out.starts_with("clean: no findings"));
    acknowledged_.clear();
}

bool Matrix::change_running(const Region& region, FileAct act, int first_path, int paths) {
    CAPTURE(region.name);
    CAPTURE(name_of(act));
    copy_books(copies_.right, program_.books());
    // A table that is removed is read on by who has it open, and none ever changes.
    const bool is_surely_met = region.is_surely_met &&
                               (region.where < Region::Where::store || act <= FileAct::swap);
    for (int i = 0; i < paths; ++i) {
        const int round = (first_path + i) % kPaths;
        CAPTURE(kPathNames[static_cast<std::size_t>(round)]);
        put_back(copies_.right, program_.books(), *places_);
        Server server(program_);
        REQUIRE_MESSAGE(server.is_up(), server.err());
        if (!change_books(region, act)) return false;
        const Met met = walk(server, round);
        server.kill();
        if (is_surely_met) CHECK((met.by_first || met.unread > 0));
        // A shard that has stopped answers nothing more: each path has a server of its own then.
        if (met.stopped == 0) break;
    }
    check_start(1);
    put_back(copies_.right, program_.books(), *places_);
    check_end();
    return true;
}

void Matrix::change_stopped(const Region& region, FileAct act) {
    CAPTURE(region.name);
    CAPTURE(name_of(act));
    copy_books(copies_.right, program_.books());
    if (!change_books(region, act)) return;
    check_start(0);
    put_back(copies_.right, program_.books(), *places_);
    check_end();
}

}  // namespace

TEST_CASE("changed files: no answer but the right one, whatever region is changed under a server") {
    Matrix matrix;
    std::size_t turn = 0;
    int path = 0;
    for (const Region& region : regions()) {
        // Some ways leave a file as it was: then the next one.
        for (int i = 0; i < 4; ++i) {
            if (matrix.change_running(region, static_cast<FileAct>(turn++ % 4), path, 2)) break;
        }
        path += 2;
    }
}

TEST_CASE("changed files: the same, of every region in every way" * doctest::skip()) {
    Matrix matrix;
    for (const Region& region : regions()) {
        for (const FileAct act : {FileAct::flip, FileAct::swap, FileAct::drop, FileAct::older}) {
            matrix.change_running(region, act, 0, kPaths);
            matrix.change_stopped(region, act);
        }
    }
}
