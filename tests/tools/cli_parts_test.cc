#include "events/json_text.h"
#include "tools/vouch/line_reader.h"
#include "tools/vouch/ordered_outcomes.h"
#include "tools/vouch/outcome_line.h"
#include "tools/vouch/progress.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

using namespace vouch;
using namespace vouch::cli;

namespace {

struct Pipe {
    Pipe() { REQUIRE(::pipe(ends.data()) == 0); }
    ~Pipe() {
        ::close(ends[0]);
        if (ends[1] >= 0) ::close(ends[1]);
    }
    void write(std::string_view text) {
        REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    void end() {
        ::close(ends[1]);
        ends[1] = -1;
    }
    std::string read() {
        std::array<char, 65536> text{};
        const ssize_t got = ::read(ends[0], text.data(), text.size());
        return {text.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
    }
    std::array<int, 2> ends{-1, -1};
};

std::string next(LineReader& reader) {
    std::string_view line;
    const Result<LineReader::Next> result = reader.next(line);
    REQUIRE(result);
    switch (*result) {
        case LineReader::Next::line:
            return "line " + std::string(line.substr(0, 40));
        case LineReader::Next::too_long:
            return "too long";
        case LineReader::Next::would_block:
            return "would block";
        case LineReader::Next::end:
            return "end";
    }
    return "";
}

}  // namespace

TEST_CASE("line_reader: lines as they come, never waiting") {
    Pipe pipe;
    LineReader reader(pipe.ends[0]);
    CHECK(next(reader) == "would block");
    pipe.write("one\r\n\ntwo");
    CHECK(next(reader) == "line one");
    CHECK(next(reader) == "line ");
    CHECK(next(reader) == "would block");
    pipe.write(" and more\nthree");
    CHECK(next(reader) == "line two and more");
    pipe.end();
    CHECK(next(reader) == "line three");
    CHECK(next(reader) == "end");
    CHECK(next(reader) == "end");
}

TEST_CASE("line_reader: a line that is too long is skipped to its end") {
    Pipe pipe;
    LineReader reader(pipe.ends[0]);
    const std::string piece(32 * 1024, 'x');
    for (int i = 0; i < 40; ++i) {
        pipe.write(piece);
        CHECK(next(reader) == "would block");
    }
    pipe.write("\nshort\n");
    CHECK(next(reader) == "too long");
    CHECK(next(reader) == "line short");
    for (int i = 0; i < 40; ++i) {
        pipe.write(piece);
        CHECK(next(reader) == "would block");
    }
    pipe.end();
    CHECK(next(reader) == "too long");
    CHECK(next(reader) == "end");
}

TEST_CASE("ordered_outcomes: in order, whatever is known first") {
    OrderedOutcomes outcomes;
    for (std::uint64_t line = 1; line <= 4; ++line) CHECK(outcomes.add() == line);
    outcomes.settle(3, "c");
    outcomes.settle(2, "");
    CHECK(outcomes.open() == 4);
    CHECK(outcomes.first_open() == 1);
    CHECK(!outcomes.is_settled(1));
    CHECK(outcomes.is_settled(2));
    CHECK(outcomes.ready() == "");
    outcomes.settle(1, "a");
    CHECK(outcomes.open() == 1);
    CHECK(outcomes.first_open() == 4);
    CHECK(outcomes.is_settled(1));
    CHECK(outcomes.ready() == "a\nc\n");
    outcomes.ready().clear();
    outcomes.settle(4, "d");
    CHECK(outcomes.ready() == "d\n");
}

TEST_CASE("outcome_line: accepted, refused, malformed, groups") {
    command_handler::Answer answer;
    answer.id = CommandId(1, 2);
    answer.outcome = Outcome::posted;
    answer.record = RecordNumber(3);
    answer.event = EventNumber(17);
    CHECK(outcome_line(answer, ShardId(0), "t1", {}) ==
          R"({"id":"t1","accepted":true,"outcome":"posted","shard":0,"record":3,"event":17})");

    answer.answered = AnsweredBy{ShardId(2), RecordNumber(9)};
    CHECK(
        outcome_line(answer, ShardId(0), "t1", {}) ==
        R"({"id":"t1","accepted":true,"outcome":"posted","shard":0,"record":3,"event":17,"changed":[{"shard":0,"record":3},{"shard":2,"record":9}]})");
    answer.answered.reset();

    command_handler::AnswerDetails details;
    details.asset = Asset::parse("EUR/2");
    details.moved = Amount(700);
    answer.details = &details;
    CHECK(
        outcome_line(answer, ShardId(2), "t\"\n", {}) ==
        R"({"id":"t\"\n","accepted":true,"outcome":"posted","amount":"7.00","shard":2,"record":3,"event":17})");

    details = {};
    details.asset = Asset::parse("EUR/2");
    details.facts.available = AmountFact{.unlimited = false, .amount = Amount(600)};
    details.facts.held = AmountFact{.unlimited = false, .amount = Amount(400)};
    details.facts.remaining = AmountFact{.unlimited = false, .amount = Amount(100)};
    details.facts.version = Version(5);
    const auto refused = [&](Outcome outcome) {
        answer.outcome = outcome;
        return outcome_line(answer, ShardId(0), "t9", {});
    };
    CHECK(refused(Outcome::insufficient_funds) ==
          R"({"id":"t9","accepted":false,"outcome":"insufficient_funds","available":"6.00"})");
    CHECK(refused(Outcome::exceeds_hold) ==
          R"({"id":"t9","accepted":false,"outcome":"exceeds_hold","remaining":"1.00"})");
    CHECK(refused(Outcome::in_use) ==
          R"({"id":"t9","accepted":false,"outcome":"in_use","held":"4.00"})");
    CHECK(refused(Outcome::version_mismatch) ==
          R"({"id":"t9","accepted":false,"outcome":"version_mismatch","version":5})");
    CHECK(refused(Outcome::conflict) == R"({"id":"t9","accepted":false,"outcome":"conflict"})");

    const std::vector<std::string> members = {"t7", "c2"};
    details = {};
    details.members = {{Outcome::group_failed, false}, {Outcome::hold_closed, false}};
    answer.outcome = Outcome::group_failed;
    CHECK(
        outcome_line(answer, ShardId(0), "g1", members) ==
        R"({"id":"g1","accepted":false,"outcome":"group_failed","failed":"c2","outcomes":[)"
        R"({"id":"t7","accepted":false,"outcome":"group_failed"},{"id":"c2","accepted":false,"outcome":"hold_closed"}]})");

    CHECK(
        outcome_line(command_handler::Malformed{Outcome::malformed, "amount", "expected \"x\""},
                     8) ==
        R"({"line":8,"accepted":false,"outcome":"malformed","field":"amount","detail":"expected \"x\""})");
}

TEST_CASE("json_text: what JSON does not allow in a string is escaped, all else is as it was") {
    std::string text;
    append_json(text, std::string_view("a\"\\\n\t\r\x01\x7f\0é€😀", 18));
    CHECK(text == "\"a\\\"\\\\\\n\\t\\r\\u0001\\u007f\\u0000é€😀\"");
}

TEST_CASE("progress: bar, rate and time left") {
    CHECK(Progress::line("replay", "events", 500'000, 2'000'000, 1.0) ==
          "replay [######..................] 25 % 500 k events, 500 k/s, 0:03 left");
    CHECK(Progress::line("submit", "bytes", 1'500'000, 0, 2.0) == "submit 1.5 M bytes, 750 k/s");
    CHECK(Progress::line("export", "records", 10, 10, 1.0) ==
          "export [########################] 100 % 10 records, 10/s");
}
