#include "events/log/embedded/embedded_log.h"
#include "tests/tools/harmed_books.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

// `vouch recover` on books whose log has changed: it says what is lost, gives up what an operator
// names and nothing else, and that is on record.

using namespace vouch;
using namespace vouch::test;

namespace {

namespace fs = std::filesystem;

}  // namespace

TEST_CASE("recovery: a loss that an operator accepts is recorded, and nothing else is accepted") {
    const Program program;
    acknowledge_and_kill(program, 3);
    const FileBytes whole = read_file(segment(program));
    const ProgramResult unharmed = recover(program);
    CHECK(unharmed.exit == 0);
    CHECK(has(unharmed.err, "nothing at the log's end is wrong"));
    FileBytes flipped = whole;
    flipped[last_block(whole) + 150] ^= 1;
    write_file(segment(program), flipped);

    const ProgramResult looked = recover(program);
    CHECK(looked.exit == 1);
    CHECK(has(looked.err, "--accept-loss 0:5"));
    CHECK_MESSAGE(has(looked.err, "nothing was accepted; nothing was changed"), looked.err);
    CHECK(recover(program, {"--accept-loss", "0:4", "--by", "op"}).exit == 1);
    CHECK(recover(program, {"--accept-loss", "1:5", "--by", "op"}).exit == 1);
    CHECK(recover(program, {"--accept-loss", "0:5"}).exit == 2);
    CHECK(recover(program, {"--accept-loss", "all", "--by", "op"}).exit == 2);
    CHECK(read_file(segment(program)) == flipped);

    const ProgramResult recovered = recover(program, {"--accept-loss", "0:5", "--by", "op"});
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    const std::size_t begin = last_block(whole);
    const FileBytes kept =
        read_file(program.books() / "log" / ("cut-0-" + std::to_string(begin) + "-0"));
    REQUIRE(kept.size() > 200);
    CHECK(
        std::equal(kept.begin(), kept.end(), flipped.begin() + static_cast<std::ptrdiff_t>(begin)));
    CHECK(recover(program).exit == 0);
    CHECK(balance(program) == "2.00");
    // Its id is free again: that is what was accepted.
    CHECK(program.submit(transfer(2, "5.00")).exit == 0);
    CHECK(balance(program) == "7.00");
    const ProgramResult replayed = program.run({"replay", "--data", program.books().string()});
    CHECK_MESSAGE(replayed.exit == 0, replayed.out);
    CHECK(has(replayed.out, "what operators accepted:\n  shard 0 record 5: records from 5 on, which "
                            "were lost\n"));
    const ProgramResult lines = program.run({"replay", "--data", program.books().string(), "--json"});
    CHECK(has(lines.out, R"({"kind":"act","shard":0,"record":5,"message":"records from 5 on, which )"
                        R"(were lost"})"));
    // Nobody has seen the record, and its own bytes prove nothing.
    CHECK(told_loss(program) == "5");
}

TEST_CASE("recovery: a loss tells the last record that what is left of it proves") {
    const Program program;
    acknowledge_and_kill(program, 3);
    const FileBytes whole = read_file(segment(program));
    const std::string newest = newest_record(program);
    FileBytes flipped = whole;
    flipped[last_block(whole) - 4096 + 150] ^= 1;
    SUBCASE("whole records behind the damage") {}
    SUBCASE("records behind the damage that have changed too") {
        flipped[last_block(whole) + 150] ^= 1;
    }
    const bool is_proven = flipped[last_block(whole) + 150] == whole[last_block(whole) + 150];
    write_file(segment(program), flipped);
    const std::string loss = is_proven ? "0:4-5" : "0:4";
    const ProgramResult recovered = recover(program, {"--accept-loss", loss, "--by", "op"});
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    CHECK(told_loss(program) == (is_proven ? "4 known " + newest : "4"));
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("recovery: intact records behind old rot are not given up unless they are named") {
    const Program program;
    acknowledge_and_kill(program, 18);
    const FileBytes whole = read_file(segment(program));
    FileBytes flipped = whole;
    flipped[2 * 4096 + 150] ^= 1;
    write_file(segment(program), flipped);

    const ProgramResult looked = recover(program);
    CHECK(looked.exit == 1);
    CHECK_MESSAGE(has(looked.err, "records 1 to at least 20 of shard 0 are damaged, gone, or stand "
                                  "behind the damage; the 19 of them that are intact are lost only "
                                  "if they are given up"),
                  looked.err);
    const std::size_t back =
        looked.err.find(segment(program).string() + " from byte 8192 to byte 12287. Keep ");
    const std::size_t option = looked.err.find("--accept-loss 0:1-20 --by NAME");
    REQUIRE(back != std::string::npos);
    REQUIRE(option != std::string::npos);
    CHECK(back < option);

    for (const std::string loss : {"0:1", "0:1-19", "0:1-21"}) {
        const ProgramResult refused = recover(program, {"--accept-loss", loss, "--by", "op"});
        CHECK(refused.exit == 5);
        CHECK_MESSAGE(has(refused.err, "--accept-loss 0:1-20"), refused.err);
    }
    for (const std::string loss : {"0:1-", "0:1-0", "0:1-x", "0:1-1:20"})
        CHECK(recover(program, {"--accept-loss", loss, "--by", "op"}).exit == 2);
    CHECK(read_file(segment(program)) == flipped);
    CHECK_FALSE(fs::exists(program.books() / "recovery"));

    const ProgramResult recovered = recover(program, {"--accept-loss", "0:1-20", "--by", "op"});
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    CHECK(has(told_loss(program), "1 known 20 "));
}

TEST_CASE("recovery: what accepts nothing says so") {
    // Of two shards one has lost its end: the last record is the outcome that was told last.
    const Program program;
    acknowledge_and_kill(program, 1, {"--shards", "2"});
    FileBytes bytes = read_file(segment(program));
    bytes[last_block(bytes) + 150] ^= 1;
    write_file(segment(program), bytes);
    const ProgramResult looked = recover(program);
    CHECK(looked.exit == 1);
    const bool is_second = has(looked.err, "--accept-loss 1:");
    REQUIRE_MESSAGE(is_second != has(looked.err, "--accept-loss 0:"), looked.err);
    const std::string kept = is_second ? "0" : "1";
    const std::string readable = "of shard " + kept + " is known: it is readable before record ";
    const std::size_t end = looked.err.find(readable);
    REQUIRE_MESSAGE(end != std::string::npos, looked.err);
    const std::size_t option = looked.err.find("--accept-loss ") + 14;
    const std::string lost = looked.err.substr(option, looked.err.find(' ', option) - option);
    const std::size_t number = end + readable.size();
    const ProgramResult too_much = recover(
        program, {"--accept-loss", lost, "--accept-loss",
                  kept + ":" + looked.err.substr(number, looked.err.find('\n', number) - number),
                  "--by", "op"});
    CHECK(too_much.exit == 5);
    CHECK_MESSAGE(has(too_much.err, "shard " + kept + " has lost nothing that is known"),
                  too_much.err);
    CHECK(read_file(segment(program)) == bytes);
    // Of whole books.
    const Program whole;
    REQUIRE(whole.submit(kOpenCashAndAlice + transfer(0), {"--create", "--shards", "2"}).exit == 0);
    const ProgramResult nothing = recover(whole, {"--accept-loss", "0:5", "--by", "op"});
    CHECK(nothing.exit == 5);
    CHECK_MESSAGE(has(nothing.err, "nothing was accepted"), nothing.err);
}

TEST_CASE("recovery: a cut file is put back after all") {
    const Program program;
    acknowledge_and_kill(program, 3);
    const FileBytes whole = read_file(segment(program));
    const std::size_t begin = last_block(whole);
    FileBytes flipped = whole;
    flipped[begin + 150] ^= 1;
    write_file(segment(program), flipped);
    REQUIRE(recover(program, {"--accept-loss", "0:5", "--by", "op"}).exit == 0);
    CHECK(balance(program) == "2.00");
    CHECK(program.submit(transfer(8)).exit == 0);

    const fs::path log = program.books() / "log";
    const std::string at = std::to_string(begin);
    // As docs/cli.md says; somebody knows which bit it was.
    const std::string back = (program.home() / "back").string();
    const std::string name = segment(program).string();
    const std::string commands = "head -c " + at + " " + name + " | cat - " +
                                 (log / ("cut-0-" + at + "-0")).string() + " > " + back +
                                 " && truncate -s \"$(stat -c %s " + name + ")\" " + back +
                                 " && mv " + back + " " + name;
    REQUIRE(std::system(commands.c_str()) == 0);
    FileBytes mended = read_file(segment(program));
    mended[begin + 150] ^= 1;
    write_file(segment(program), mended);
    CHECK(mended == whole);
    const ProgramResult unfit = program.submit(transfer(2));
    CHECK(unfit.exit == 1);
    for (const char* const seen : {"shards/ends", "shards/0/store", "shards/0/snapshot", "views/0"})
        fs::rename(program.books() / seen, program.home() / fs::path(seen).filename());
    const ProgramResult again = program.submit(transfer(2));
    CHECK_MESSAGE(again.exit == 0, again.err);
    CHECK(balance(program) == "3.00");
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("recovery: a recovery that was interrupted keeps others out until it is finished") {
    const Program program;
    acknowledge_and_kill(program, 3);
    FileBytes bytes = read_file(segment(program));
    bytes[last_block(bytes) + 150] ^= 1;
    write_file(segment(program), bytes);
    // As if the machine had stopped right after the note was made.
    const fs::path note = program.books() / "recovery";
    const std::string text = "op\n0:5\n";
    write_file(note, FileBytes(text.begin(), text.end()));
    const ProgramResult refused = program.submit(transfer(9));
    CHECK(refused.exit == 3);
    CHECK(has(refused.err, "vouch recover"));
    CHECK(recover(program).exit == 0);
    CHECK_FALSE(fs::exists(note));
    CHECK(program.submit(transfer(9)).exit == 0);
    CHECK(balance(program) == "3.00");
}

TEST_CASE("recovery: an interrupted recovery tells what was known when it was begun") {
    const Program program;
    acknowledge_and_kill(program, 3);
    FileBytes bytes = read_file(segment(program));
    bytes[last_block(bytes) + 150] ^= 1;
    write_file(segment(program), bytes);
    const fs::path note = program.books() / "recovery";
    const std::string digest(64, 'a');
    for (const std::string wrong : {"0:5 known", "0:5 known 7", "0:5 known 4 ", "0:5 known 7 aa"}) {
        const std::string text = "op\n" + wrong + (wrong.ends_with("4 ") ? digest : "") + "\n";
        write_file(note, FileBytes(text.begin(), text.end()));
        const ProgramResult refused = recover(program);
        CHECK(refused.exit == 3);
        CHECK_MESSAGE(has(refused.err, "is no note of a recovery"), refused.err);
    }
    const std::string text = "op\n0:5 known 7 " + digest + "\n";
    write_file(note, FileBytes(text.begin(), text.end()));
    CHECK(recover(program).exit == 0);
    CHECK(told_loss(program) == "5 known 7 " + digest);
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("recovery: steps that have changed beside an old record are no loss, and are told") {
    const Program program;
    std::string lines = kOpenCashAndAlice;
    for (int i = 0; i < 8; ++i)
        lines += "{\"id\":\"a" + std::to_string(i) + "\",\"open_account\":{\"account\":\"p" +
                 std::to_string(i) + "\",\"asset\":\"EUR/2\",\"class\":\"liability\"}}\n";
    for (int i = 0; i < 8; ++i)
        lines += "{\"id\":\"t" + std::to_string(i) +
                 "\",\"transfer\":{\"debit\":\"cash\",\"credit\":\"p" + std::to_string(i) +
                 "\",\"amount\":\"1.00\"}}\n";
    REQUIRE(program.submit(lines, {"--create", "--shards", "2", "--one-at-a-time"}).exit == 0);
    REQUIRE(program.submit(transfer(90)).exit == 0);

    // Steps stand right behind the record that sends them.
    const FileBytes whole = read_file(segment(program));
    std::optional<DamageBeside> changed;
    for (ShardId shard(0); shard.value() < 2 && !changed; shard = shard.next()) {
        for (std::uint64_t number = 2; number < 20 && !changed; ++number) {
            auto log = EmbeddedLogReader::open({.directory = (program.books() / "log").string()});
            REQUIRE(log);
            const std::string place = (*log)->place_of(shard, RecordNumber(number));
            std::vector<StoredRecord> record;
            REQUIRE((*log)->read_records(shard, RecordNumber(number), 1, record));
            if (record.empty()) break;
            FileBytes flipped = whole;
            flipped[std::stoul(place.substr(place.rfind(' '))) + record[0].bytes.size() + 9] ^= 1;
            write_file(segment(program), flipped);
            changed = (*log)->damage_beside(shard, RecordNumber(number));
        }
    }
    REQUIRE(changed);
    REQUIRE_MESSAGE(has(changed->what, "its steps for shard "), changed->what);

    const ProgramResult told = recover(program);
    CHECK(told.exit == 0);
    CHECK_MESSAGE(has(told.err, changed->what + "; it lies in " + changed->place), told.err);
    CHECK(has(told.err, "nothing is lost"));
    CHECK(has(told.err, "every record of the log is what was written"));
    CHECK(program.submit(transfer(91)).exit == 0);
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("recovery: an interrupted recovery goes on only with what was accepted") {
    const Program program;
    acknowledge_and_kill(program, 3);
    const FileBytes whole = read_file(segment(program));
    FileBytes flipped = whole;
    flipped[last_block(whole) + 150] ^= 1;
    const fs::path note = program.books() / "recovery";
    const auto begin = [&](const std::string& text) {
        write_file(note, FileBytes(text.begin(), text.end()));
    };

    begin("op\n0:6\n");
    write_file(segment(program), flipped);
    const ProgramResult other = recover(program);
    CHECK(other.exit == 1);
    CHECK_MESSAGE(has(other.err, "the first record that shard 0 lost is 5, not 6"), other.err);
    CHECK(has(other.err, "move aside " + note.string()));
    CHECK(read_file(segment(program)) == flipped);
    CHECK(fs::exists(note));

    // The bytes were put back: nothing is given up, and nothing recorded.
    fs::remove(note);
    begin("op\n0:5\n");
    write_file(segment(program), whole);
    const ProgramResult back = recover(program);
    CHECK_MESSAGE(back.exit == 0, back.err);
    CHECK(has(back.err, "nothing is left to recover"));
    CHECK(read_file(segment(program)) == whole);
    CHECK_FALSE(fs::exists(note));
    CHECK(program.submit(transfer(9)).exit == 0);
    CHECK(balance(program) == "4.00");
}

TEST_CASE("recovery: of a recovery that was begun, what is put back in part is still lost behind that") {
    const Program program;
    acknowledge_and_kill(program, 3);
    const std::string newest = newest_record(program);  // 5
    const FileBytes whole = read_file(segment(program));
    const fs::path note = program.books() / "recovery";
    const std::string text = "op\n0:4 known " + newest + "\n";
    write_file(note, FileBytes(text.begin(), text.end()));
    SUBCASE("all of it") {
        const ProgramResult back = recover(program);
        CHECK_MESSAGE(back.exit == 0, back.err);
        CHECK(balance(program) == "3.00");
        return;
    }
    SUBCASE("another record in its place") {
        const std::string other = "op\n0:4 known 5 " + std::string(64, 'a') + "\n";
        write_file(note, FileBytes(other.begin(), other.end()));
        const ProgramResult refused = recover(program);
        CHECK(refused.exit == 1);
        CHECK_MESSAGE(has(refused.err, "record 5: is not the one that was lost"), refused.err);
        CHECK(fs::exists(note));
        return;
    }
    // The last record is gone, and nobody else has seen it.
    FileBytes part = whole;
    std::fill(part.begin() + static_cast<std::ptrdiff_t>(last_block(whole)), part.end(), '\0');
    write_file(segment(program), part);
    fs::remove_all(program.books() / "shards");
    fs::remove_all(program.books() / "views");
    for (const std::vector<std::string>& options :
         {std::vector<std::string>{}, {"--accept-loss", "0:4", "--by", "op"}}) {
        const ProgramResult looked = recover(program, options);
        CHECK(looked.exit == 1);
        CHECK_MESSAGE(has(looked.err, "records 5 to at least 5 of shard 0 are still lost"), looked.err);
        CHECK(has(looked.err, "--accept-loss 0:5 --by NAME"));
        CHECK(fs::exists(note));
        CHECK(program.submit(transfer(9)).exit == 3);
    }
    const ProgramResult given_up = recover(program, {"--accept-loss", "0:5", "--by", "op"});
    CHECK_MESSAGE(given_up.exit == 0, given_up.err);
    CHECK_FALSE(fs::exists(note));
    CHECK(told_loss(program) == "5 known " + newest);
    CHECK(balance(program) == "2.00");
    CHECK(program.run({"replay", "--data", program.books().string()}).exit == 0);
}

TEST_CASE("recovery: a recovery at a doubted clock is finished by who accepts the clock") {
    const Program program;
    acknowledge_and_kill(program, 3);
    FileBytes bytes = read_file(segment(program));
    bytes[last_block(bytes) + 150] ^= 1;
    write_file(segment(program), bytes);
    // As if the clock had been an hour earlier at the last start.
    const fs::path clock = program.books() / "shards" / "0" / "clock";
    std::string name, format, machine;
    std::int64_t time = 0;
    {
        std::ifstream in(clock);
        in >> name >> format >> time;
        std::getline(in, machine);
    }
    std::ofstream(clock) << name << ' ' << format << ' ' << time - 3'600'000'000 << machine << '\n';

    const ProgramResult doubted = recover(program, {"--accept-loss", "0:5", "--by", "op"});
    CHECK(doubted.exit == 3);
    CHECK_MESSAGE(has(doubted.err, "--accept-clock"), doubted.err);
    CHECK(fs::exists(program.books() / "recovery"));
    std::vector<std::string> options{"--accept-clock", "op"};
    SUBCASE("who says only that") {}
    SUBCASE("who says all of it again") {
        options.insert(options.end(), {"--accept-loss", "0:5", "--by", "op"});
    }
    const ProgramResult recovered = recover(program, options);
    CHECK_MESSAGE(recovered.exit == 0, recovered.err);
    CHECK(program.submit(transfer(9)).exit == 0);
    const ProgramResult replayed = program.run({"replay", "--data", program.books().string()});
    CHECK_MESSAGE(replayed.exit == 0, replayed.out);
}

