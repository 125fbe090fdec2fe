#include "tests/tools/harmed_books.h"
#include "tests/tools/opened_books.h"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

// A directory that was copied is written to only when somebody has said that the original is gone.

using namespace vouch::test;

namespace {

namespace fs = std::filesystem;

/// With everything that cp can take along.
fs::path copy_of(const fs::path& books) {
    fs::path copy = books.string() + "-copy";
    REQUIRE(std::system(("cp -a '" + books.string() + "' '" + copy.string() + "'").c_str()) == 0);
    return copy;
}

ProgramResult submit_to(const Program& program, const fs::path& books, int number) {
    return program.run({"submit", "-", "--data", books.string()}, transfer(number));
}

ProgramResult accept_copy(const Program& program, const fs::path& books) {
    return program.run({"recover", "--data", books.string(), "--accept-copy", "--by", "ann"});
}

}  // namespace

TEST_CASE("copied books: they are read, and written when the original is said to be gone") {
    const Program program;
    REQUIRE(program.submit(kOpenCashAndAlice + transfer(0), {"--create"}).exit == 0);
    const fs::path copy = copy_of(program.books());
    const FileBytes log = read_file(copy / "log" / "00000000.segment");
    const std::string origin = contents(copy / "origin");

    const ProgramResult refused = submit_to(program, copy, 1);
    CHECK(refused.exit == 3);
    CHECK(refused.out.empty());
    CHECK_MESSAGE(has(refused.err, "copied or moved here, from "), refused.err);
    CHECK(has(refused.err, ":" + program.books().string() + "."));
    CHECK(has(refused.err, "vouch recover --data " + copy.string() + " --accept-copy --by NAME"));
    CHECK(program.run({"serve", "--data", copy.string()}).exit == 3);
    CHECK(read_file(copy / "log" / "00000000.segment") == log);
    CHECK(contents(copy / "origin") == origin);
    for (const std::vector<std::string>& reading :
         {std::vector<std::string>{"balance", "alice"}, {"replay"}, {"recover"}}) {
        std::vector<std::string> arguments = reading;
        arguments.insert(arguments.end(), {"--data", copy.string()});
        const ProgramResult read = program.run(arguments);
        CHECK_MESSAGE(read.exit == 0, read.err);
        CHECK(has(read.err, "copied or moved here, from ") == (reading.front() == "recover"));
    }
    CHECK(submit_to(program, program.books(), 2).exit == 0);

    CHECK(program.run({"recover", "--data", copy.string(), "--accept-copy"}).exit == 2);
    CHECK(submit_to(program, copy, 1).exit == 3);
    REQUIRE(accept_copy(program, copy).exit == 0);
    CHECK(submit_to(program, copy, 1).exit == 0);
    CHECK(submit_to(program, copy, 3).exit == 0);
    const std::string noted = contents(copy / "origin");
    CHECK_MESSAGE(has(noted, " by ann, from "), noted);
    CHECK(has(noted, ":" + program.books().string() + "\n"));
    CHECK(has(noted, ":" + copy.string() + "\n"));
    CHECK(accept_copy(program, copy).exit == 5);
    CHECK(contents(copy / "origin") == noted);
}

TEST_CASE("copied books: a directory that is renamed stays the original") {
    const Program program;
    REQUIRE(program.submit(kOpenCashAndAlice, {"--create"}).exit == 0);
    const fs::path moved = program.home() / "moved";
    fs::rename(program.books(), moved);
    CHECK(submit_to(program, moved, 0).exit == 0);
    CHECK(accept_copy(program, moved).exit == 5);
}

TEST_CASE("copied books: books of before have no note, and get one when they are written") {
    const Program program;
    REQUIRE(program.submit(kOpenCashAndAlice, {"--create"}).exit == 0);
    fs::remove(program.books() / "origin");
    const ProgramResult first = program.submit(transfer(0));
    CHECK(first.exit == 0);
    CHECK_MESSAGE(first.err.empty(), first.err);
    const std::string noted = contents(program.books() / "origin");
    CHECK(noted.starts_with("vouch origin 1\n"));
    CHECK(program.submit(transfer(1)).exit == 0);
    CHECK(contents(program.books() / "origin") == noted);
    CHECK(submit_to(program, copy_of(program.books()), 2).exit == 3);
}

TEST_CASE("copied books: an acceptance that was killed has not happened, or has") {
    const Program program;
    REQUIRE(program.submit(kOpenCashAndAlice, {"--create"}).exit == 0);
    const fs::path copy = copy_of(program.books());
    // Before the new note got its name, in part and whole.
    std::ofstream(copy / "origin.abcdef") << "vouch ori";
    CHECK(submit_to(program, copy, 0).exit == 3);
    std::ofstream(copy / "origin.abcdeg") << contents(copy / "origin");
    CHECK(submit_to(program, copy, 0).exit == 3);
    CHECK(accept_copy(program, copy).exit == 0);
    CHECK(submit_to(program, copy, 0).exit == 0);
}

TEST_CASE("copied books: a note that cannot be read, or is another program's, stops no start") {
    const Program program;
    REQUIRE(program.submit(kOpenCashAndAlice, {"--create"}).exit == 0);
    const fs::path origin = program.books() / "origin";
    const std::string right = contents(origin);
    int number = 0;
    for (const std::string& other :
         {std::string("vouch origin 1\nborn x\n"), std::string("vouch origin 2\nat h:/b\n"),
          right + "host x\n", std::string()}) {
        std::ofstream(origin, std::ios::trunc) << other;
        const ProgramResult started = program.submit(transfer(number++));
        CHECK_MESSAGE(started.exit == 0, started.err);
        CHECK_MESSAGE(has(started.err, origin.string() + " is not what this program writes there"),
                      started.err);
        CHECK(accept_copy(program, program.books()).exit == 3);
        CHECK(contents(origin) == other);
    }
    fs::remove(origin);
    fs::create_directory(origin);
    const ProgramResult started = program.submit(transfer(number++));
    CHECK_MESSAGE(started.exit == 0, started.err);
    CHECK_MESSAGE(has(started.err, origin.string()), started.err);
    fs::remove(origin);
    std::ofstream(origin) << right;
    const ProgramResult good = program.submit(transfer(number++));
    CHECK_MESSAGE((good.exit == 0 && good.err.empty()), good.err);
    CHECK(submit_to(program, copy_of(program.books()), 0).exit == 3);
}

TEST_CASE("copied books: what root accepts stays readable for the directory's owner") {
    if (::geteuid() != 0) return;
    const Program program;
    REQUIRE(program.submit(kOpenCashAndAlice, {"--create"}).exit == 0);
    const fs::path copy = copy_of(program.books());
    constexpr uid_t kOther = 65534;
    REQUIRE(::chown(copy.c_str(), kOther, kOther) == 0);
    REQUIRE(accept_copy(program, copy).exit == 0);
    struct stat found {};
    REQUIRE(::stat((copy / "origin").c_str(), &found) == 0);
    CHECK(found.st_uid == kOther);
    CHECK(found.st_gid == kOther);
    CHECK((found.st_mode & 0777) == 0600);
}
