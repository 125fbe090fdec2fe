// An auditor's walk, as somebody goes it who has the program, an archive and a note of the head.
#include "tests/tools/harmed_books.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::test;
namespace fs = std::filesystem;

const std::string kPaidWithContext =
    R"({"id":"p1","context":"order-7",)"
    R"("transfer":{"debit":"cash","credit":"alice","amount":"10.00"}})"
    "\n";

/// The steps so far, for whoever reads why one of them went wrong.
class Walk {
public:
    const fs::path& home() const { return program_.home(); }

    /// Runs `vouch COMMAND` in the home; it must end with `exit` and say all of `parts`.
    std::string step(std::string_view why, const std::string& command, int exit,
                     const std::vector<std::string>& parts = {}) {
        const ProgramResult result = program_.shell(command + " 2>&1");
        transcript_ += "\n# " + std::string(why) + "\n$ vouch " + command + '\n' + result.out;
        INFO(transcript_);
        CHECK(result.exit == exit);
        for (const std::string& part : parts) {
            CAPTURE(part);
            CHECK(has(result.out, part));
        }
        return result.out;
    }

    /// Writes a copy of a file in which a text is another one, as somebody does who has no keys.
    void edit(const std::string& from, const std::string& to, std::string_view text,
              std::string_view other) {
        FileBytes bytes = read_file(home() / from);
        const auto place = std::search(bytes.begin(), bytes.end(), text.begin(), text.end());
        REQUIRE(place != bytes.end());
        std::copy(other.begin(), other.end(), place);
        write_file(home() / to, bytes);
    }

    void submit(const std::string& file, const std::string& lines) {
        write_file(home() / file, FileBytes(lines.begin(), lines.end()));
        step("commands", "submit " + file + " --data books --one-at-a-time", 0);
    }

    void copy(const std::string& from, const std::string& to) {
        fs::remove_all(home() / to);
        fs::copy(home() / from, home() / to, fs::copy_options::recursive);
    }

private:
    Program program_;
    std::string transcript_;
};

std::uint64_t record_of(const std::string& outcome_or_head) {
    const auto line = nlohmann::json::parse(outcome_or_head.substr(0, outcome_or_head.find('\n')));
    return line["record"];
}

TEST_CASE("auditor: export, verify, tamper, find, explain, head, and what a rollback looks like") {
    Walk walk;
    const std::string first = kOpenCashAndAlice + kPaidWithContext;
    write_file(walk.home() / "first", FileBytes(first.begin(), first.end()));
    walk.step("books", "submit first --data books --create --one-at-a-time", 0);
    const std::string paid =
        "shard 0 record " + std::to_string(record_of(walk.step("where it is",
                                                               "outcome p1 --data books --json",
                                                               0)));

    walk.step("an archive, for another machine", "export kept.archive --data books", 0);
    walk.step("and a note of where the log ends", "head --data books --json > kept.head", 0);
    walk.step("without keys nothing is proven", "replay --archive kept.archive", 6,
              {"no findings, but without keys anybody may have written this",
               "could NOT be checked:\n  no keys were given: MACs were NOT checked"});
    walk.step("with keys it is", "replay --archive kept.archive --keys books --expect kept.head", 0,
              {"clean: no findings", "every record's MAC was checked",
               "the end is that of the archive's trailer",
               "the head that was kept was held against the log", "not asked:\n"});

    walk.edit("kept.archive", "edited.archive", "order-7", "order-8");
    walk.step("somebody edits a context", "replay --archive edited.archive --keys books", 1,
              {paid + ": tag_mismatch", "NO state digest: " + paid + " is not what was written"});
    walk.step("without keys the next record tells", "replay --archive edited.archive", 1,
              {": previous_digest: ", "NO state digest: shard 0 record "});
    walk.step("what stands in the books there", "entry p1 --data books", 0, {"order-7"});
    walk.step("the edited archive is not where the books began",
              "replay --data books --since edited.archive", 1, {paid + ": forked"});

    walk.copy("books", "older");
    walk.submit("more", transfer(1) + transfer(2) + transfer(3));
    walk.step("the books have gone on",
              "replay --data books --expect kept.head --since kept.archive", 0,
              {"clean: no findings", "the archive that was kept was held against the log"});
    const std::uint64_t last =
        record_of(walk.step("a new head", "head --data books --json | tee new.head", 0));
    walk.step("and archive", "export new.archive --data books", 0);
    const std::string then = std::to_string(record_of(
        walk.step("that day's", "head --archive kept.archive --json", 0, {"\"verified\":false"})));
    walk.step("the books as they were then", "replay --data books --until 0:" + then, 0,
              {"shard 0 was read up to record " + then + " of "});

    walk.copy("books", "newer");
    walk.copy("older", "books");
    walk.step("an older copy put back is right in itself", "replay --data books", 0,
              {"clean: no findings", "not asked:"});
    const std::string missing = "shard 0 record " + std::to_string(last) + ": rolled_back";
    walk.step("what was kept elsewhere tells", "replay --data books --expect new.head", 1,
              {missing});
    walk.step("so does an archive", "replay --data books --since new.archive", 1,
              {": rolled_back"});

    walk.step("somebody says that it is the original now",
              "recover --data books --accept-copy --by mallory", 0);
    std::string others;
    for (std::uint64_t i = 0; i <= last; ++i) others += transfer(100 + static_cast<int>(i));
    walk.submit("others", others);
    walk.step("it goes another way", "replay --data books --expect new.head", 1,
              {"shard 0 record " + std::to_string(last) + ": forked"});
    walk.step("and the place of the fork is known", "replay --data books --since new.archive", 1,
              {": forked: not the record of the archive that was kept"});
    walk.step("other books are no fork", "submit first --data strangers --create", 0);
    walk.step("they are refused", "replay --data strangers --expect kept.head", 3,
              {"line 1: deployment: expected "});

    walk.copy("newer", "books");
    walk.edit("books/log/00000000.segment", "books/log/00000000.segment", "order-7", "order-8");
    const std::string lines = walk.step("a byte has changed on the disk",
                                        "replay --data books --json", 1,
                                        {R"("check":"unreadable")", R"("state_digest":null)"});
    CHECK(has(lines, "\"message\":\"" + paid));
    walk.step("all else is archived", "export damaged.archive --data books", 1,
              {paid + ": checksum mismatch", "the archive holds what can be read"});
    walk.step("and what is wrong is found there", "replay --archive damaged.archive --keys books",
              1, {paid + ": tag_mismatch"});
}

}  // namespace

TEST_CASE("auditor: a head that was kept is a file of one line for each shard") {
    const Program program;
    const std::vector<std::string> made = {"--create", "--shards", "2"};
    REQUIRE(program.submit(kOpenCashAndAlice + transfer(1), made).exit == 0);
    const std::vector<std::string> lines =
        program.run({"head", "--json", "--data", program.books().string()}).lines();
    REQUIRE(lines.size() == 2);
    const fs::path file = program.home() / "kept.head";
    const auto check = [&](const std::string& text, int exit, const std::string& why) {
        CAPTURE(text);
        std::ofstream(file) << text;
        const ProgramResult held = program.run(
            {"replay", "--data", program.books().string(), "--expect", file.string()});
        CHECK(held.exit == exit);
        CHECK_MESSAGE(has(held.err, why), held.err);
    };
    check(lines[0] + "\n" + lines[1] + "\n", 0, "");
    check(lines[0] + "\n", 3, "expected a line for each shard, found none for shard 1");
    check(lines[0] + "\n" + lines[0] + "\n", 3, "one line a shard, found a second one");
    check(lines[0] + "\n" + lines[1] + "\n" + std::string(2'000'000, ' '), 3, "expected at most");
    const auto without_record = [](const std::string& line) {
        nlohmann::json head = nlohmann::json::parse(line);
        head.erase("record");
        head.erase("digest");
        return head.dump() + "\n";
    };
    check(without_record(lines[0]) + without_record(lines[1]), 3, "expected a record of some");
    fs::remove(file);
    fs::create_directory(file);
    const ProgramResult directory =
        program.run({"replay", "--data", program.books().string(), "--expect", file.string()});
    CHECK(directory.exit == 3);
    CHECK(has(directory.err, "is no file"));
}

TEST_CASE("auditor: an archive says what the log says, with keys and without") {
    const Program program;
    CHECK(program.submit(kOpenCashAndAlice + transfer(1), {"--create", "--shards", "3"})
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
    CHECK(nlohmann::json::parse(lines.lines().back())["clean"] == false);
    CHECK(digest(with_keys.out) == digest(log.out));
    CHECK(with_keys.out.find("every record's MAC was checked") != std::string::npos);
    CHECK(without.out.find("NOT checked") != std::string::npos);
    CHECK(
        program.run({"replay", "--archive", archive, "--keys", (program.books() / "keys").string()})
            .exit == 0);

    fs::resize_file(archive, fs::file_size(archive) - 1);
    const ProgramResult cut = program.run({"replay", "--archive", archive, "--keys", books});
    CHECK(cut.exit == 1);
    CHECK(cut.out.find("NOT CLEAN") == 0);
}
