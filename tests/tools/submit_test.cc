#include "tests/support/transfer_line.h"
#include "tests/tools/program.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace vouch;
using nlohmann::json;
using test::Program;
using test::ProgramResult;
using test::RunningProgram;
using test::transfer_line;

namespace {

constexpr std::string_view kOpen =
    "{\"id\":\"o1\",\"open_account\":{\"account\":\"cash\",\"asset\":\"EUR/"
    "2\",\"class\":\"asset\",\"limit\":\"unlimited\"}}\n"
    "{\"id\":\"o2\",\"open_account\":{\"account\":\"alice\",\"asset\":\"EUR/"
    "2\",\"class\":\"liability\"}}\n";

std::string transfer(const std::string& id, const std::string& amount) {
    return transfer_line(id, "cash", "alice", amount);
}

/// "o1 opened", or "line 3 malformed amount".
std::vector<std::string> short_outcomes(const ProgramResult& result) {
    std::vector<std::string> all;
    for (const std::string& line : result.lines()) {
        const json outcome = json::parse(line);
        std::string text = outcome.contains("id")
                               ? outcome["id"].get<std::string>()
                               : "line " + std::to_string(outcome["line"].get<int>());
        text += " " + outcome["outcome"].get<std::string>();
        if (outcome.contains("field")) text += " " + outcome["field"].get<std::string>();
        all.push_back(text);
    }
    return all;
}

std::string available(const Program& program, const std::string& account) {
    const ProgramResult result =
        program.run({"balance", account, "--data", program.books().string(), "--json"});
    REQUIRE(result.exit == 0);
    return json::parse(result.out)["available"];
}

}  // namespace

TEST_CASE("submit: outcomes come in input order, one a line, malformed lines among them") {
    const Program program;
    const ProgramResult result =
        program.submit(std::string(kOpen) + "nonsense\n" + transfer("t1", "1.00") + "\n   \n" +
                           transfer("t2", "1.005") + "{\"wait\":true}\n" + transfer("t1", "2.00") +
                           transfer("t3", "0.00") + "{\"id\":\"x\"}",
                       {"--create", "--keep-going"});
    CHECK(result.exit == 2);
    CHECK(short_outcomes(result) ==
          std::vector<std::string>{"o1 opened", "o2 opened", "line 3 malformed ", "t1 posted",
                                   "line 7 malformed amount", "t1 conflict", "t3 zero_amount",
                                   "line 11 malformed "});
    CHECK(available(program, "alice") == "1.00");
}

TEST_CASE("submit: it stops at the first malformed line, by itself and by a server") {
    const Program program;
    REQUIRE(program.submit("", {"--create"}).exit == 0);
    const std::string lines = std::string(kOpen) + "\n" + transfer("t1", "1.00") +
                              transfer("t2", "1.005") + transfer("t3", "1.00");
    const std::vector<std::string> told = {"o1 opened", "o2 opened", "t1 posted",
                                           "line 5 malformed amount"};
    const auto check_stopped = [&](const ProgramResult& result, const std::string& line) {
        CHECK(result.exit == 2);
        CHECK_MESSAGE(result.err.find("nothing behind line " + line + " was sent") !=
                          std::string::npos,
                      result.err);
    };
    const ProgramResult alone = program.submit(lines);
    CHECK(short_outcomes(alone) == told);
    check_stopped(alone, "5");
    check_stopped(program.submit(lines, {"--one-at-a-time"}), "5");
    check_stopped(program.submit(std::string(1'100'000, ' ') + "\n" + transfer("t3", "1.00")), "1");
    const std::string books = program.books().string();
    {
        RunningProgram server(program, {"serve", "--data", books});
        REQUIRE(server.read_line().starts_with("http://"));
        const ProgramResult remote = program.submit(lines);
        CHECK(short_outcomes(remote) == told);
        check_stopped(remote, "5");
        check_stopped(program.submit(lines, {"--one-at-a-time"}), "5");
        check_stopped(program.submit(std::string(1'100'000, ' ') + "\n" + transfer("t3", "1.00")),
                      "1");
        server.terminate();
        CHECK(server.wait() == 0);
    }
    CHECK(program.run({"outcome", "t3", "--data", books}).exit == 5);
    // Mended, or told to leave it out.
    const ProgramResult on = program.submit(lines, {"--keep-going"});
    CHECK(on.exit == 2);
    CHECK(on.err.empty());
    CHECK(short_outcomes(on).back() == "t3 posted");
}

TEST_CASE("submit: --check reads all lines, needs no books, and sends nothing") {
    const Program program;
    const std::string lines = std::string(kOpen) + transfer("t1", "1.00") + "\n" +
                              transfer("t2", "1.005") + "nonsense\n" + transfer("t3", "2.00") +
                              "{\"id\":\"c\",\"capture_hold\":{\"hold\":\"h\"}}\n{\"wait\":true}";
    const ProgramResult checked = program.run({"submit", "-", "--check"}, lines);
    CHECK(checked.exit == 2);
    CHECK(short_outcomes(checked) ==
          std::vector<std::string>{"line 5 malformed amount", "line 6 malformed "});
    CHECK(checked.err == "vouch: 8 lines, 2 of them malformed; nothing was sent\n");
    CHECK(std::filesystem::is_empty(program.home()));
    REQUIRE(program.submit("", {"--create"}).exit == 0);
    const ProgramResult right = program.submit(std::string(kOpen), {"--check"});
    CHECK(right.exit == 0);
    CHECK(right.out.empty());
    CHECK(program.run({"account", "cash", "--data", program.books().string()}).exit == 5);
}

TEST_CASE("submit: after a fault it says that more lines than those it counts were not read") {
    const Program program;
    const std::filesystem::path file = program.home() / "lines";
    const std::filesystem::path err = program.home() / "err";
    std::string lines(kOpen);
    for (int i = 0; i < 200'000; ++i) lines += transfer("k" + std::to_string(i), "0.01");
    std::ofstream(file) << lines;
    RunningProgram server(program, {"serve", "--data", program.books().string(), "--create"});
    const std::string url = server.read_line();
    REQUIRE(url.starts_with("http://"));
    RunningProgram submit(program, {"submit", file.string(), "--http", url},
                          {.limits = {}, .err = err});
    REQUIRE(!submit.read_line().empty());
    server.kill();
    while (!submit.read_line().empty()) {
    }
    CHECK(submit.wait() == 4);
    std::ifstream in(err);
    const std::string told(std::istreambuf_iterator<char>(in), {});
    CHECK_MESSAGE(told.find("vouch: at least ") != std::string::npos, told);
    CHECK(told.find(" lines have no outcome yet, and the rest of the input was not sent; send all "
                    "again") != std::string::npos);
}

namespace {

/// `vouch ARGUMENTS` with a pipe as stdin, and a terminal as stdout and stderr.
class OnTerminal {
public:
    OnTerminal(const Program& program, std::vector<std::string> words, unsigned short columns) {
        words.insert(words.begin(), test::program_path());
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        const std::string home = program.home().string();
        std::array<int, 2> in{};
        REQUIRE(::pipe2(in.data(), O_CLOEXEC) == 0);
        const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
        pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            ::dup2(in[0], STDIN_FILENO);
            ::setenv("HOME", home.c_str(), 1);
            ::execv(argv[0], argv.data());
            ::_exit(127);
        }
        ::close(in[0]);
        input_ = in[1];
    }
    ~OnTerminal() {
        ::close(input_);
        ::close(terminal_);
        int status = 0;
        ::waitpid(pid_, &status, 0);
    }
    OnTerminal(const OnTerminal&) = delete;
    OnTerminal& operator=(const OnTerminal&) = delete;

    void write(const std::string& text) {
        REQUIRE(::write(input_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    const std::string& shown() const { return shown_; }
    void read_until(const std::string& text) {
        while (shown_.find(text) == std::string::npos) {
            std::array<char, 4096> some{};
            const ssize_t got = ::read(terminal_, some.data(), some.size());
            REQUIRE_MESSAGE(got > 0, shown_);
            shown_.append(some.data(), static_cast<std::size_t>(got));
        }
    }

private:
    int pid_ = -1;
    int input_ = -1;
    int terminal_ = -1;
    std::string shown_;
};

}  // namespace

TEST_CASE("submit: on a terminal outcomes begin at their line's begin, whatever bar was there") {
    const Program program;
    OnTerminal running(program,
                       {"submit", "-", "--data", program.books().string(), "--create"}, 20);
    running.write(std::string(kOpen));
    running.read_until("\"o2\"");
    constexpr int kLinesMax = 100'000;
    const std::string bar = "\rsubmit ";
    int n = 0;
    for (; running.shown().find(bar) == std::string::npos && n < kLinesMax; ++n) {
        running.write(transfer("t" + std::to_string(n), "0.01"));
        running.read_until("\"t" + std::to_string(n) + "\"");
    }
    running.read_until(bar);
    running.write(transfer("last", "0.01"));
    running.read_until("\"last\"");
    const std::string& shown = running.shown();
    for (std::size_t at = shown.find("{\"id\""); at != std::string::npos;
         at = shown.find("{\"id\"", at + 1)) {
        const std::string before = shown.substr(0, at);
        const bool is_at_begin =
            before.empty() || before.ends_with("\n") || before.ends_with("\r\033[K");
        REQUIRE_MESSAGE(is_at_begin, shown.substr(at > 40 ? at - 40 : 0, 80));
    }
}

TEST_CASE("submit: refusals are no failure unless asked for") {
    const Program program;
    const std::string lines =
        std::string(kOpen) +
        "{\"id\":\"t\",\"transfer\":{\"debit\":\"alice\",\"credit\":\"cash\",\"amount\":\"1\"}}\n";
    CHECK(program.submit(lines, {"--create"}).exit == 0);
    CHECK(program.submit(lines, {"--fail-on-refusal"}).exit == 5);
    CHECK(program.submit(lines + "{}\n", {"--fail-on-refusal"}).exit == 2);
}

TEST_CASE("submit: an outcome is there before the next line is written") {
    const Program program;
    RunningProgram running(program,
                           {"submit", "-", "--data", program.books().string(), "--create",
                            "--keep-going"});
    running.write(std::string(kOpen));
    CHECK(json::parse(running.read_line())["id"] == "o1");
    CHECK(json::parse(running.read_line())["id"] == "o2");
    // Half a line waits for its other half; malformed lines do not wait for anybody.
    running.write("{\"id\":\"t1\",\"transfer\":{\"debit\":\"cash\",");
    running.write("\"credit\":\"alice\",\"amount\":\"1.00\"}}\n");
    CHECK(json::parse(running.read_line())["outcome"] == "posted");
    running.write("nonsense\n");
    CHECK(json::parse(running.read_line())["line"] == 4);

    SUBCASE("and questions are answered beside it, replay and export too") {
        CHECK(available(program, "alice") == "1.00");
        CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
        const std::string archive = (program.home() / "a.archive").string();
        CHECK(program.run({"export", archive, "--data", program.books().string()}).exit == 0);
        running.write(transfer("t2", "0.50"));
        CHECK(json::parse(running.read_line())["outcome"] == "posted");
        CHECK(available(program, "alice") == "1.50");
    }
    SUBCASE("and a second writer is told that somebody has the books") {
        const ProgramResult second = program.submit(transfer("t2", "1.00"));
        CHECK(second.exit == 4);
        CHECK(second.out.empty());
        CHECK(second.err.find("vouch: ") == 0);
    }
    SUBCASE("and what was answered survives the process") {
        running.kill();
        CHECK(running.wait() == 128 + 9);
        CHECK(available(program, "alice") == "1.00");
        // Sent again, it is answered as before and happens once.
        const ProgramResult again = program.submit(std::string(kOpen) + transfer("t1", "1.00"));
        CHECK(again.exit == 0);
        CHECK(short_outcomes(again) ==
              std::vector<std::string>{"o1 opened", "o2 opened", "t1 posted"});
        CHECK(available(program, "alice") == "1.00");
        CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
        return;
    }
    running.close_input();
    CHECK(running.wait() == 2);
}

TEST_CASE("submit: thousands of lines, killed on the way and sent again, happen once") {
    const Program program;
    constexpr int kTransfers = 70'000;
    std::string lines(kOpen);
    for (int i = 0; i < kTransfers; ++i) lines += transfer("t" + std::to_string(i), "0.01");
    const std::filesystem::path file = program.home() / "lines.ndjson";
    std::ofstream(file) << lines;
    {
        RunningProgram running(
            program, {"submit", file.string(), "--data", program.books().string(), "--create"});
        for (int i = 0; i < 2'000; ++i) REQUIRE(!running.read_line().empty());
        running.kill();
        running.wait();
    }
    const ProgramResult again =
        program.run({"submit", file.string(), "--data", program.books().string()});
    CHECK(again.exit == 0);
    const std::vector<std::string> outcomes = short_outcomes(again);
    REQUIRE(outcomes.size() == kTransfers + 2);
    CHECK(outcomes.back() == "t" + std::to_string(kTransfers - 1) + " posted");
    CHECK(available(program, "alice") == "700.00");
    CHECK(program.run({"replay", "--views", "--data", program.books().string()}).exit == 0);
}

TEST_CASE(
    "submit: lines that no two shards decide together have the same outcomes on any number of "
    "shards") {
    std::string lines;
    std::mt19937 random(7);
    for (unsigned i = 0; i < 300; ++i) {
        const std::string name = "a" + std::to_string(random() % 12);
        const std::string id = std::to_string(i);
        switch (random() % 5) {
            case 0:
                lines += "{\"id\":\"" + id + "\",\"freeze_account\":{\"account\":\"" + name +
                         "\",\"block\":\"both\"}}\n";
                break;
            case 1:
                lines +=
                    "{\"id\":\"" + id + "\",\"close_account\":{\"account\":\"" + name + "\"}}\n";
                break;
            case 2:
                lines += "{\"id\":\"" + id + "\",\"place_hold\":{\"debit\":\"" + name +
                         "\",\"amount\":\"1\"}}\n";
                break;
            case 3:
                lines += "{\"id\":\"r" + id + "\",\"release_hold\":{\"hold\":\"" +
                         std::to_string(i - 1 - random() % 4) + "\"}}\n";
                break;
            case 4:
                lines +=
                    "{\"id\":\"" + id + "\",\"open_account\":{\"account\":\"" + name +
                    "\",\"asset\":\"EUR/2\",\"class\":\"liability\",\"limit\":\"unlimited\"}}\n";
                break;
        }
    }
    std::vector<std::vector<std::string>> results;
    for (const char* const shards : {"1", "2", "7"}) {
        const Program program;
        const ProgramResult result = program.submit(lines, {"--create", "--shards", shards});
        CHECK(result.exit == 0);
        results.push_back(short_outcomes(result));
        const Program patient;
        const ProgramResult one_by_one =
            patient.submit(lines, {"--create", "--shards", shards, "--one-at-a-time"});
        CHECK((short_outcomes(one_by_one) == results.back()));
        CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
    }
    std::set<std::string> kinds;
    for (const std::string& outcome : results[0]) kinds.insert(outcome.substr(outcome.find(' ')));
    CHECK(kinds.size() >= 6);
    CHECK((results[1] == results[0]));
    CHECK((results[2] == results[0]));
}

namespace {

std::string opening(const std::string& name, const std::string& more = "") {
    return "{\"id\":\"open " + name + "\",\"open_account\":{\"account\":\"" + name +
           "\",\"asset\":\"EUR/2\",\"class\":\"liability\"" + more + "}}\n";
}

const std::string kBank = opening("bank", ",\"limit\":\"unlimited\"");

}  // namespace

TEST_CASE("submit: who is paid only by a hold or an entry can use the money in the next line") {
    std::string before = kBank + opening("sink");
    std::string file;
    for (int i = 0; i < 40; ++i) {
        const std::string n = std::to_string(i);
        const std::string alice = "alice" + n;
        const std::string bob = "bob" + n;
        before += opening(alice) + opening(bob);
        before += transfer_line("fund " + n, "bank", bob) + transfer_line("sale " + n, bob, alice);
        before += "{\"id\":\"h " + n + "\",\"place_hold\":{\"debit\":\"bank\",\"credit\":\"" +
                  alice + "\",\"amount\":\"1.00\"}}\n";
        // A capture pays alice, who spends it all; a refund pays bob, who does so too.
        file += "{\"id\":\"c " + n + "\",\"capture_hold\":{\"hold\":\"h " + n +
                (i % 2 == 0 ? "\",\"account\":\"bank\"}}\n" : "\"}}\n");
        file += transfer_line("spend " + n, alice, "sink");
        file += "{\"id\":\"f " + n + "\",\"refund\":{\"entry\":\"sale " + n + "\"}}\n";
        file += transfer_line("out " + n, bob, "sink");
        file += "{\"id\":\"close " + n + "\",\"close_account\":{\"account\":\"" + bob + "\"}}\n";
    }
    for (const char* const shards : {"1", "4"}) {
        const Program program;
        CHECK(program.submit(before, {"--create", "--shards", shards, "--fail-on-refusal"}).exit ==
              0);
        const ProgramResult result = program.submit(file, {"--fail-on-refusal"});
        CAPTURE(result.out);
        CHECK(result.exit == 0);
        CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
    }
}

TEST_CASE("submit: a command on what nobody knows is not recorded, and its id stays free") {
    static constexpr const char* kEarly =
        R"({"id":"x","extend_hold":{"hold":"h","expires_in":"1h"}}
{"id":"c","capture_hold":{"hold":"h","amount":"0.50","keep_rest":true}}
{"id":"r","release_hold":{"hold":"h"}}
{"id":"f","refund":{"entry":"t","amount":"0.25"}}
{"id":"v","reverse":{"entry":"u"}}
{"id":"g","group":[{"id":"g1","transfer":{"debit":"bank","credit":"bank2","amount":"1.00"}},{"id":"g2","capture_hold":{"hold":"h"}}]}
)";
    for (const char* const shards : {"1", "4"}) {
        CAPTURE(shards);
        const Program program;
        const std::string accounts = kBank + opening("bank2") + opening("alice") + opening("shop");
        CHECK(program.submit(accounts, {"--create", "--shards", shards, "--fail-on-refusal"}).exit ==
              0);
        for (int i = 0; i < 2; ++i) {
            const ProgramResult early = program.submit(kEarly);
            CHECK(early.exit == 0);
            CHECK(short_outcomes(early) ==
                  std::vector<std::string>{"x hold_not_found", "c hold_not_found",
                                           "r hold_not_found", "f entry_not_found",
                                           "v entry_not_found", "g group_failed"});
            for (const std::string& line : early.lines())
                CHECK(json::parse(line)["recorded"] == false);
            CHECK(json::parse(early.lines().back())["failed"] == "g2");
            CHECK(json::parse(early.lines().back())["outcomes"][1]["outcome"] == "hold_not_found");
        }
        CHECK(program.run({"outcome", "c", "--data", program.books().string()}).exit == 5);
        const std::string made =
            transfer_line("t", "bank", "alice") + transfer_line("u", "bank", "shop") +
            "{\"id\":\"h\",\"place_hold\":{\"debit\":\"alice\",\"credit\":\"shop\","
            "\"amount\":\"0.75\",\"expires_in\":\"1h\"}}\n";
        CHECK(program.submit(made, {"--fail-on-refusal"}).exit == 0);
        // The honest retry, twice: one outcome each, and nothing happens twice.
        for (int i = 0; i < 2; ++i) {
            CHECK(short_outcomes(program.submit(kEarly)) ==
                  std::vector<std::string>{"x extended", "c captured", "r released", "f refunded",
                                           "v reversed", "g group_failed"});
            CHECK(available(program, "alice") == "0.25");
            CHECK(available(program, "shop") == "0.50");
        }
        const ProgramResult replayed = program.run({"replay", "--data", program.books().string()});
        CHECK(replayed.exit == 0);
        CHECK(replayed.out.find("observations") == std::string::npos);
    }
}

TEST_CASE("submit: an id is of one shard, whoever the payer is the second time") {
    const Program program;
    std::string accounts = kBank;
    for (int i = 0; i < 8; ++i)
        accounts += opening("p" + std::to_string(i), ",\"limit\":\"unlimited\"");
    CHECK(program.submit(accounts, {"--create", "--shards", "4", "--fail-on-refusal"}).exit == 0);
    const ProgramResult first = program.submit(transfer_line("t", "p0", "bank"));
    const json place = json::parse(first.out);
    CHECK(place["outcome"] == "posted");
    // In one stream and in another; alone and as a group's member.
    std::string others;
    for (int i = 1; i < 8; ++i) others += transfer_line("t", "p" + std::to_string(i), "bank");
    const ProgramResult again = program.submit(transfer_line("t", "p0", "bank") + others);
    std::size_t unrecorded = 0;
    for (const std::string& line : again.lines()) {
        const json outcome = json::parse(line);
        if (outcome["accepted"] == true) {
            CHECK(outcome["record"] == place["record"]);
            continue;
        }
        CHECK(outcome["outcome"] == "conflict");
        if (!outcome.contains("recorded")) continue;  // that shard's own
        ++unrecorded;
        CHECK(outcome["recorded"] == false);
        CHECK(outcome["first"]["shard"] == place["shard"]);
        CHECK(outcome["first"]["record"] == place["record"]);
        CHECK(outcome["first"]["event"] == place["event"]);
    }
    CHECK(unrecorded >= 3);
    std::size_t groups_unrecorded = 0;
    for (int i = 0; i < 8; ++i) {
        const std::string name = "p" + std::to_string(i);
        const ProgramResult group = program.submit(
            "{\"id\":\"g" + name + "\",\"group\":[{\"id\":\"t\",\"transfer\":{\"debit\":\"" + name +
            "\",\"credit\":\"bank\",\"amount\":\"3.00\"}}]}\n");
        const json outcome = json::parse(group.out);
        CHECK(outcome["outcome"] == "group_failed");
        CHECK(outcome["outcomes"][0]["outcome"] == "conflict");
        if (outcome.contains("recorded")) ++groups_unrecorded;
    }
    CHECK(groups_unrecorded >= 3);
    const std::string books = program.books().string();
    const json told = json::parse(program.run({"outcome", "t", "--data", books, "--json"}).out);
    CHECK(told["shard"] == place["shard"]);
    CHECK(!told.contains("others"));
    CHECK(program.run({"replay", "--data", books}).out.find("clean: no findings\nrecords") == 0);
}

TEST_CASE("submit: a member that a failed group had first gets that outcome alone, on any shard") {
    const Program program;
    std::string accounts = kBank;
    std::string group = "{\"id\":\"g\",\"group\":[";
    for (int i = 0; i < 6; ++i) {
        const std::string name = "p" + std::to_string(i);
        accounts += opening(name);
        const std::string member = transfer_line("m" + name, name, "bank");
        group += (i == 0 ? "" : ",") + member.substr(0, member.size() - 1);
    }
    group += "]}\n";
    CHECK(program.submit(accounts, {"--create", "--shards", "4", "--fail-on-refusal"}).exit == 0);
    const json failed = json::parse(program.submit(group).out);
    CHECK(failed["outcome"] == "group_failed");
    for (std::size_t i = 0; i < 6; ++i) {
        const std::string name = "p" + std::to_string(i);
        const json alone = json::parse(program.submit(transfer_line("m" + name, name, "bank")).out);
        CHECK(alone["outcome"] == failed["outcomes"][i]["outcome"]);
    }
    const ProgramResult replayed = program.run({"replay", "--data", program.books().string()});
    CHECK(replayed.out.find("clean: no findings\nrecords") == 0);
}

TEST_CASE("submit: a test clock moves by clock lines, and what is due expires") {
    const Program program;
    const std::string lines =
        "{\"clock\":\"2026-01-31T12:00:00Z\"}\n" + std::string(kOpen) + transfer("t1", "10.00") +
        "{\"id\":\"h1\",\"place_hold\":{\"debit\":\"alice\",\"amount\":\"4.00\",\"expires_in\":"
        "\"60s\"}}\n"
        "{\"id\":\"h2\",\"place_hold\":{\"debit\":\"alice\",\"amount\":\"5.00\"}}\n"
        "{\"clock\":\"2026-01-31T12:00:59.999999Z\"}\n"
        "{\"id\":\"r1\",\"transfer\":{\"debit\":\"alice\",\"credit\":\"cash\",\"amount\":\"2.00\"}}"
        "\n"
        "{\"clock\":\"2026-01-31T12:01:00Z\"}\n"
        "{\"id\":\"r2\",\"transfer\":{\"debit\":\"alice\",\"credit\":\"cash\",\"amount\":\"2.00\"}}"
        "\n"
        "{\"id\":\"c1\",\"capture_hold\":{\"hold\":\"h1\",\"credit\":\"cash\"}}\n"
        "{\"clock\":\"2026-01-01T00:00:00Z\"}\n";
    for (const char* const shards : {"1"}) {
        const ProgramResult result =
            program.submit(lines, {"--create", "--test-clock", "--shards", shards});
        CHECK(result.exit == 0);
        CHECK(short_outcomes(result) ==
              std::vector<std::string>{"o1 opened", "o2 opened", "t1 posted", "h1 held", "h2 held",
                                       "r1 insufficient_funds", "r2 posted", "c1 hold_expired"});
    }
    const std::string books = program.books().string();
    const ProgramResult then = program.run(
        {"balance", "alice", "--at", "2026-01-31T12:00:30Z", "--data", books, "--json"});
    CHECK(json::parse(then.out)["available"] == "1.00");
    CHECK(available(program, "alice") == "3.00");
    CHECK(program.run({"balance", "alice", "--at", "2026-01-31T11:59:59Z", "--data", books}).exit ==
          5);
    CHECK(program.run({"replay", "--data", books}).exit == 0);
}

TEST_CASE("submit: more lines than may be in flight, with outcomes read late") {
    const Program program;
    std::string lines(kOpen);
    for (int i = 0; i < 70'000; ++i) lines += "{\"clock\":1}\n";
    lines += transfer("t1", "1.00");
    const ProgramResult result = program.submit(lines, {"--create", "--keep-going"});
    CHECK(result.exit == 2);
    const std::vector<std::string> outcomes = result.lines();
    REQUIRE(outcomes.size() == 70'003);
    CHECK(json::parse(outcomes.back())["outcome"] == "posted");
}

TEST_CASE("replay: an archive says what the log says, with keys and without") {
    const Program program;
    CHECK(program.submit(std::string(kOpen) + transfer("t1", "1.00"), {"--create", "--shards", "3"})
              .exit == 0);
    const std::string books = program.books().string();
    const std::string archive = (program.home() / "books.archive").string();
    CHECK(program.run({"export", archive, "--data", books}).exit == 0);
    CHECK(program.run({"export", archive, "--data", books}).exit == 3);

    const auto digest = [](const std::string& text) {
        return text.substr(text.find("state digest"));
    };
    const ProgramResult log = program.run({"replay", "--data", books});
    const ProgramResult with_keys = program.run({"replay", "--archive", archive, "--keys", books});
    const ProgramResult without = program.run({"replay", "--archive", archive});
    CHECK(log.exit == 0);
    CHECK(with_keys.exit == 0);
    CHECK(without.exit == 6);
    CHECK(without.out.starts_with("no findings, but without keys"));
    const ProgramResult lines = program.run({"replay", "--archive", archive, "--json"});
    CHECK(json::parse(lines.lines().back())["clean"] == false);
    CHECK(digest(with_keys.out) == digest(log.out));
    CHECK(with_keys.out.find("every record's MAC was checked") != std::string::npos);
    CHECK(without.out.find("NOT checked") != std::string::npos);
    CHECK(
        program.run({"replay", "--archive", archive, "--keys", (program.books() / "keys").string()})
            .exit == 0);

    std::filesystem::resize_file(archive, std::filesystem::file_size(archive) - 1);
    const ProgramResult cut = program.run({"replay", "--archive", archive, "--keys", books});
    CHECK(cut.exit == 1);
    CHECK(cut.out.find("NOT CLEAN") == 0);
}
