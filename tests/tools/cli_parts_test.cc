#include "events/json_writer.h"
#include "tools/server/places/directory_origin.h"
#include "tools/server/places/kafka_place.h"
#include "tools/terminal/progress.h"
#include "tools/vouch/line_reader.h"
#include "tools/vouch/nearest_name.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace vouch;
using namespace vouch::cli;
using terminal::Progress;

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
    pipe.write("\xEF\xBB\xBFone\r\n\ntwo");  // with a byte order mark
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
    pipe.write("\n\xEF\xBB\xBFshort\n");  // a mark that is not at the beginning
    CHECK(next(reader) == "too long");
    CHECK(next(reader) == "line \xEF\xBB\xBFshort");
    for (int i = 0; i < 40; ++i) {
        pipe.write(piece);
        CHECK(next(reader) == "would block");
    }
    pipe.end();
    CHECK(next(reader) == "too long");
    CHECK(next(reader) == "end");
}

TEST_CASE("json_writer: what JSON does not allow in a string is escaped, all else is as it was") {
    const std::string_view text("a\"\\\n\t\r\x01\x7f\0é€😀", 18);
    CHECK(JsonWriter().string(text).take() == "\"a\\\"\\\\\\n\\t\\r\\u0001\\u007f\\u0000é€😀\"");
    // What would move a terminal's text or turn it round.
    CHECK(JsonWriter().string("\xc2\x9b\xc2\xa0\u061c\u0637\u2028\u202e\u2019\u2066").take() ==
          "\"\\u009b\xc2\xa0\\u061c\u0637\\u2028\\u202e\u2019\\u2066\"");
}

TEST_CASE("progress: bar, rate and time left") {
    CHECK(Progress::line("replay", "events", 500'000, 2'000'000, 1.0, 80) ==
          "replay [######..................] 25 % 500 k events, 500 k/s, 0:03 left");
    CHECK(Progress::line("submit", "bytes", 1'500'000, 0, 2.0, 80) ==
          "submit 1.5 M bytes, 750 k/s");
    CHECK(Progress::line("export", "records", 10, 10, 1.0, 80) ==
          "export [########################] 100 % 10 records, 10/s");
}

TEST_CASE("kafka place: no transaction of more than a minute unless told") {
    places::KafkaPlace place;
    CHECK(place.log_options(1).transaction_ms_max == 60'000);
    place.longest_transaction_s = UINT32_MAX;
    CHECK(place.log_options(1).transaction_ms_max == 4'294'967'295'000);
}

TEST_CASE("directory_origin: a directory is another one only when what both sides know says so") {
    using places::DirectoryTraits;
    struct Row {
        DirectoryTraits noted;
        DirectoryTraits found;
        bool may_be_one;
    };
    const std::optional<std::uint64_t> none;
    const std::vector<Row> rows = {
        {{.born_ns = 7, .inode = 1}, {.born_ns = 7, .inode = 1}, true},
        // A file system that was made smaller.
        {{.born_ns = 7, .inode = 1}, {.born_ns = 7, .inode = 2}, true},
        {{.born_ns = 7, .inode = 1}, {.born_ns = 8, .inode = 1}, false},
        {{.born_ns = none, .inode = 1}, {.born_ns = 7, .inode = 1}, true},
        {{.born_ns = 7, .inode = 1}, {.born_ns = none, .inode = 2}, false},
        {{.born_ns = 7, .inode = none}, {.born_ns = none, .inode = 2}, true},
        {{.born_ns = none, .inode = none}, {.born_ns = 7, .inode = 1}, true},
        {{.born_ns = 7, .inode = 1}, {.born_ns = none, .inode = none}, true},
    };
    for (const Row& row : rows) {
        CAPTURE(&row - rows.data());
        CHECK(places::may_be_one(row.noted, row.found) == row.may_be_one);
        CHECK(places::may_be_one(row.found, row.noted) == row.may_be_one);
    }
}

TEST_CASE("progress: the line fits into a terminal of any width, and loses what says least") {
    const auto line = [](std::size_t columns) {
        return Progress::line("replay", "events", 500'000, 2'000'000, 1.0, columns);
    };
    CHECK(line(100) == "replay [######..................] 25 % 500 k events, 500 k/s, 0:03 left");
    CHECK(line(60) == "replay 25 % 500 k events, 500 k/s, 0:03 left");
    CHECK(line(40) == "replay 25 % 500 k events, 500 k/s");
    CHECK(line(30) == "replay 25 % 500 k events");
    CHECK(line(20) == "replay 25 % ");
    CHECK(line(4) == "rep");
    for (std::size_t columns = 0; columns < 120; ++columns) {
        CHECK(line(columns).size() < std::max<std::size_t>(columns, 1));
        CHECK(Progress::line("submit", "bytes", 1'500'000, 0, 2.0, columns).size() <
              std::max<std::size_t>(columns, 1));
    }
}

TEST_CASE("nearest_name: what a mistyped word was meant to be, unless that is anybody's guess") {
    const std::vector<std::string> names = {"serve",  "status",        "submit", "balance",
                                            "replay", "trial-balance", "keys"};
    struct Row {
        std::string word;
        std::string name;
    };
    for (const Row& row : {Row{"sumbit", "submit"}, {"submitt", "submit"}, {"sbmit", "submit"},
                           {"balence", "balance"}, {"trial", "trial-balance"}, {"re", "replay"},
                           {"statsu", "status"}, {"pay", ""}, {"quit", ""}, {"", ""},
                           {std::string(100, 's'), ""}}) {
        CAPTURE(row.word);
        CHECK(nearest_name(row.word, names) == row.name);
    }
}
