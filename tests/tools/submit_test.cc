#include "tests/support/transfer_line.h"
#include "tests/tools/harmed_books.h"
#include "tests/tools/opened_books.h"
#include "tests/tools/stranger.h"

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
#include <string>
#include <vector>

using namespace vouch::test;
using nlohmann::json;

namespace {

std::string transfer(const std::string& id, const std::string& amount) {
    return transfer_line(id, "cash", "alice", amount);
}

std::string group_of(const std::string& id, const std::string& member, int count) {
    std::string line = R"({"id":")" + id + R"(","group":[)";
    for (int i = 0; i < count; ++i) {
        std::string payment = transfer(i == 0 ? member : member + std::to_string(i), "0.01");
        payment.back() = i + 1 < count ? ',' : ']';
        line += payment;
    }
    return line + "}\n";
}

}  // namespace

TEST_CASE("submit: outcomes come in input order, one a line, malformed lines among them") {
    const Program program;
    const ProgramResult result =
        program.submit(kOpenCashAndAlice + "nonsense\n" + transfer("t1", "1.00") + "\n   \n" +
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
    const std::string lines = kOpenCashAndAlice + "\n" + transfer("t1", "1.00") +
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

TEST_CASE("submit: it stops at a group that cannot be recorded, and --check finds it") {
    const struct {
        std::string line;
        std::string told;
        std::string detail;
    } rows[] = {
        {group_of("g", "g", 1), "malformed group[0].id",
         "expected another id than the group's, found the same"},
        {group_of("g", "m", 501), "too_large group",
         "at most 1000 postings in a group, found 1002: a transfer, capture, reversal or refund "
         "counts 2"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.told);
        const Program program;
        const std::string books = program.books().string();
        const std::string lines =
            kOpenCashAndAlice + row.line + transfer("t1", "1.00") + transfer("t2", "1.00");
        const std::string told = "line 3 " + row.told;
        const ProgramResult checked = program.run({"submit", "-", "--check"}, lines);
        CHECK(checked.exit == 2);
        CHECK(short_outcomes(checked) == std::vector{told});
        CHECK(json::parse(checked.out)["detail"] == row.detail);
        const auto check_stopped = [&](const ProgramResult& result) {
            CHECK(result.exit == 2);
            CHECK(short_outcomes(result) ==
                  std::vector<std::string>{"o1 opened", "o2 opened", told});
            CHECK_MESSAGE(result.err.find("nothing behind line 3 was sent") != std::string::npos,
                          result.err);
        };
        check_stopped(program.submit(lines, {"--create"}));
        {
            RunningProgram server(program, {"serve", "--data", books});
            REQUIRE(server.read_line().starts_with("http://"));
            check_stopped(program.submit(lines));
            server.terminate();
            CHECK(server.wait() == 0);
        }
        CHECK(program.run({"outcome", "t1", "--data", books}).exit == 5);
        const ProgramResult on = program.submit(lines, {"--keep-going"});
        CHECK(on.exit == 2);
        CHECK(short_outcomes(on) ==
              std::vector<std::string>{"o1 opened", "o2 opened", told, "t1 posted", "t2 posted"});
    }
}

TEST_CASE("submit: --check reads all lines, needs no books, and sends nothing") {
    const Program program;
    const std::string lines = kOpenCashAndAlice + transfer("t1", "1.00") + "\n" +
                              transfer("t2", "1.005") + "nonsense\n" + transfer("t3", "2.00") +
                              "{\"id\":\"c\",\"capture_hold\":{\"hold\":\"h\"}}\n{\"wait\":true}";
    const std::string unchecked =
        "; nothing was sent. The decimals of amounts on accounts that the input does not open were "
        "not checked\n";
    const ProgramResult checked = program.run({"submit", "-", "--check"}, lines);
    CHECK(checked.exit == 2);
    CHECK(short_outcomes(checked) ==
          std::vector<std::string>{"line 5 malformed amount", "line 6 malformed "});
    CHECK(checked.err == "vouch: 8 lines, 2 malformed" + unchecked);
    CHECK(std::filesystem::is_empty(program.home()));
    // A malformed line has said nothing, whatever comes between.
    const auto open = [](const std::string& id, const std::string& asset) {
        return R"({"id":")" + id + R"(","open_account":{"account":"x","asset":")" + asset +
               R"(","class":"asset"}})";
    };
    const auto pay = [](const std::string& amount) {
        return R"({"id":"t","transfer":{"debit":"x","credit":"y","amount":")" + amount + "\"}}";
    };
    const ProgramResult twice = program.run(
        {"submit", "-", "--check"}, R"({"id":"g","group":[)" + open("o", "EUR/2") + "," +
                                        pay("1.234") + "]}\n{\"wait\":true}\n" +
                                        open("o2", "JPY/0") + "\n" + pay("1.5") + "\n");
    CHECK(twice.err == "vouch: 4 lines, 2 malformed" + unchecked);
    const ProgramResult right =
        program.run({"submit", "-", "--check"}, transfer("t1", "1.00"));
    CHECK(right.exit == 0);
    CHECK(right.out.empty());
    CHECK(right.err == "vouch: 1 line, 0 malformed" + unchecked);
    REQUIRE(program.submit("", {"--create"}).exit == 0);
    CHECK(program.submit(kOpenCashAndAlice, {"--check"}).exit == 2);
    CHECK(program.run({"account", "cash", "--data", program.books().string()}).exit == 5);
}

TEST_CASE("submit: after a fault it says that more lines than those it counts were not read") {
    const Program program;
    const std::filesystem::path file = program.home() / "lines";
    const std::filesystem::path err = program.home() / "err";
    std::string lines(kOpenCashAndAlice);
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
    const std::string told = contents(err);
    CHECK_MESSAGE(told.find("vouch: at least ") != std::string::npos, told);
    CHECK(told.find(" no outcome yet, and the rest of the input was not sent; send all again") !=
          std::string::npos);
}

namespace {

/// `vouch ARGUMENTS` with a pipe as stdin, and a terminal as stdout and stderr.
class OnTerminal {
public:
    OnTerminal(const Program& program, std::vector<std::string> words, unsigned short columns) {
        words.insert(words.begin(), program_path());
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

TEST_CASE("submit: of a server that gives up, the answer with most outcomes is printed, or the later") {
    const Program program;
    const std::string lines = transfer("t1", "1.00") + transfer("t2", "1.00");
    const auto answer = [](const std::string& type, const std::string& outcomes) {
        return http_answer("503 Service Unavailable", "application/problem+json",
                           R"({"type":"urn:vouch:problem:)" + type + R"(","status":503,)" +
                               R"("detail":"nothing goes on","outcomes":[)" + outcomes + "]}");
    };
    const std::string none = R"({"line":2,"problem":"unknown","detail":"without an outcome yet, as it seems"})";
    const auto outcome = [](const std::string& id, const std::string& record) {
        return R"({"id":")" + id + R"(","accepted":true,"outcome":"posted","shard":0,"record":)" +
               record + "}";
    };
    const std::string both = outcome("t1", "1") + "," + outcome("t2", "2");
    const auto printed = [&](const std::string& first, const std::string& second) {
        const Stranger server({http_answer("200 OK", "text/plain", "vouch 0\ndeployment 0\n"),
                               answer("busy", first), answer("stopped", second)});
        const ProgramResult result = program.run({"submit", "-", "--http", server.url()}, lines);
        CHECK(result.exit != 0);
        CHECK_MESSAGE(result.err.find("nothing goes on") != std::string::npos, result.err);
        return result.lines();
    };
    CHECK(printed(both, outcome("t1", "7") + "," + none) ==
          std::vector<std::string>{outcome("t1", "1"), outcome("t2", "2")});
    CHECK(printed(outcome("t1", "1"), outcome("t1", "7") + "," + none) ==
          std::vector<std::string>{outcome("t1", "7")});
}

TEST_CASE("submit: on a terminal outcomes begin at their line's begin, whatever bar was there") {
    const Program program;
    OnTerminal running(program,
                       {"submit", "-", "--data", program.books().string(), "--create"}, 20);
    running.write(kOpenCashAndAlice);
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
        kOpenCashAndAlice +
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
    running.write(kOpenCashAndAlice);
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
        const ProgramResult again = program.submit(kOpenCashAndAlice + transfer("t1", "1.00"));
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
    std::string lines(kOpenCashAndAlice);
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

TEST_CASE("submit: a test clock moves by clock lines, and what is due expires") {
    const Program program;
    const std::string lines =
        "{\"clock\":\"2026-01-31T12:00:00Z\"}\n" + kOpenCashAndAlice + transfer("t1", "10.00") +
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
    std::string lines(kOpenCashAndAlice);
    for (int i = 0; i < 70'000; ++i) lines += "{\"clock\":1}\n";
    lines += transfer("t1", "1.00");
    const ProgramResult result = program.submit(lines, {"--create", "--keep-going"});
    CHECK(result.exit == 2);
    const std::vector<std::string> outcomes = result.lines();
    REQUIRE(outcomes.size() == 70'003);
    CHECK(json::parse(outcomes.back())["outcome"] == "posted");
}
