#include "tests/support/small_disk.h"
#include "tests/support/text_of_file.h"
#include "tests/support/transfer_line.h"
#include "tests/tools/harmed_books.h"
#include "tests/tools/program.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>

// Full disks and little memory: a clear end or a clear wait, never a crash.

using namespace vouch;
using nlohmann::json;
using test::Program;
using test::ProgramResult;
using test::SmallDisk;
using test::has;
using test::kOpenCashAndAlice;

namespace {

namespace fs = std::filesystem;

std::string transfer(const std::string& id) {
    return test::transfer_line(id, "cash", "alice");
}

/// Books on a disk of their own.
struct BooksOnDisk {
    explicit BooksOnDisk(const std::string& size) : disk(program.home() / "small", size) {
        if (!disk.is_mounted()) MESSAGE(disk.reason());
    }
    ProgramResult submit(const std::string& lines,
                         const std::vector<std::string>& more = {}) const {
        std::vector<std::string> arguments = {"submit", "-", "--data", books};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return program.run(arguments, lines);
    }

    Program program;
    SmallDisk disk;
    const std::string books = (disk.path() / "books").string();
};

/// What alice has, as `vouch balance` says it.
std::string balance(const Program& program, const std::string& books) {
    const ProgramResult asked = program.run({"balance", "alice", "--data", books, "--json"});
    return json::parse(asked.out)["balance"];
}

}  // namespace

TEST_CASE("small machine: a full disk is a state that ends when there is room") {
    BooksOnDisk on_disk("400m");
    auto& [program, disk, books] = on_disk;
    if (!disk.is_mounted()) return;
    REQUIRE(on_disk.submit(kOpenCashAndAlice + transfer("t1"), {"--create"}).exit == 0);
    REQUIRE(program.run({"balance", "alice", "--data", books}).exit == 0);
    REQUIRE(on_disk.submit(transfer("t2")).exit == 0);
    for (const std::uint64_t free : {0U, 4096U, 12288U, 40960U, 102400U, 32U << 20}) {
        CAPTURE(free);
        REQUIRE(disk.fill(free));
        const ProgramResult asked = program.run({"balance", "alice", "--data", books, "--json"});
        CHECK_MESSAGE(asked.exit == 4, asked.err);  // the answer lacks t2
        CHECK(json::parse(asked.out)["balance"] == "1.00");
        CHECK(has(asked.err, "is full"));
        const ProgramResult unknown = program.run({"balance", "bob", "--data", books});
        CHECK(unknown.exit == 4);
        CHECK(has(unknown.err, "may be in what the views do not have yet"));
        for (const ProgramResult& refused :
             {on_disk.submit(transfer("t3")), program.run({"serve", "--data", books})}) {
            CHECK(refused.exit == 4);
            CHECK_MESSAGE(has(refused.err, "is full"), refused.err);
        }
        CHECK(program.run({"replay", "--data", books}).exit == 0);
        disk.make_room();
    }
    CHECK(on_disk.submit(transfer("t3")).exit == 0);
    CHECK(balance(program, books) == "3.00");
    CHECK(program.run({"replay", "--views", "--data", books}).exit == 0);
}

TEST_CASE("small machine: a server whose disk is full to the last byte stops as it is told to") {
    BooksOnDisk on_disk("400m");
    auto& [program, disk, books] = on_disk;
    if (!disk.is_mounted()) return;
    test::RunningProgram server(program, {"serve", "--data", books, "--create", "--shards", "4"});
    REQUIRE(!server.read_line().empty());
    REQUIRE(on_disk.submit(kOpenCashAndAlice + transfer("t1")).exit == 0);
    REQUIRE(program.run({"balance", "alice", "--data", books}).exit == 0);
    REQUIRE(disk.fill(0));
    CHECK(on_disk.submit(transfer("t2")).exit == 0);
    server.terminate();
    CHECK(server.wait() == 0);
    disk.make_room();
    CHECK(balance(program, books) == "2.00");
    CHECK(program.run({"replay", "--views", "--data", books}).exit == 0);
}

TEST_CASE("small machine: books that would have no room are not begun") {
    const BooksOnDisk on_disk("100m");
    if (!on_disk.disk.is_mounted()) return;
    const ProgramResult refused = on_disk.submit(kOpenCashAndAlice, {"--create"});
    CHECK(refused.exit == 4);
    CHECK(has(refused.err, "is full"));
    CHECK_FALSE(fs::exists(on_disk.books));
    CHECK_FALSE(fs::exists(on_disk.program.home() / ".config"));
}

TEST_CASE("small machine: little memory ends in a sentence and an exit code") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    MESSAGE("SKIPPED: a sanitizer takes more address space than any limit here");
    return;
#endif
    const Program program;
    const std::string books = program.books().string();
    REQUIRE(program.submit(kOpenCashAndAlice + transfer("t1"), {"--create"}).exit == 0);
    int ends = 0;
    for (std::size_t kibibytes = 60'000; kibibytes <= 400'000; kibibytes += 20'000) {
        for (const std::vector<std::string>& arguments :
             {std::vector<std::string>{"balance", "alice", "--data", books},
              std::vector<std::string>{"submit", "-", "--data", books},
              std::vector<std::string>{"replay", "--data", books}}) {
            CAPTURE(kibibytes);
            CAPTURE(arguments.front());
            const ProgramResult result =
                program.run_within("-v " + std::to_string(kibibytes), arguments, transfer("t1"));
            // 127: not even its libraries fit, which the loader says.
            if (result.exit == 0 || result.exit == 127) continue;
            ++ends;
            CHECK_MESSAGE(has(result.err, "out of memory"), result.err);
            // Where the C library has no memory for a thread's own variables, it ends the process.
            const bool is_by_library = has(result.err, "Fatal glibc error");
            CHECK_MESSAGE((result.exit == 4 || is_by_library), result.err);
        }
    }
    CHECK(ends > 0);
    CHECK(program.run({"replay", "--data", books}).exit == 0);
}

TEST_CASE("small machine: a server with little memory comes up, or ends in a sentence and an exit code") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    MESSAGE("SKIPPED: a sanitizer takes more address space than any limit here");
    return;
#endif
    const Program program;
    const std::string books = program.books().string();
    REQUIRE(program.submit(kOpenCashAndAlice + transfer("t1"), {"--create"}).exit == 0);
    int ends = 0;
    int runs = 0;
    for (const std::size_t kibibytes :
         {100'000U, 150'000U, 200'000U, 300'000U, 400'000U, 2'000'000U}) {
        CAPTURE(kibibytes);
        const fs::path err = program.home() / ("err" + std::to_string(kibibytes));
        test::RunningProgram server(program, {"serve", "--data", books},
                                    {.limits = "-v " + std::to_string(kibibytes), .err = err});
        if (!server.read_line().empty()) {
            ++runs;
            server.terminate();
        }
        const int exit = server.wait();
        if (exit == 0) continue;
        ++ends;
        const std::string said = test::text_of_file(err);
        CHECK_MESSAGE(has(said, "out of memory"), said);
        // Where the C library has no memory for a thread's own variables, it ends the process.
        CHECK_MESSAGE((exit == 4 || has(said, "Fatal glibc error")), said);
    }
    CHECK(ends > 0);
    CHECK(runs > 0);
    CHECK(program.run({"replay", "--data", books}).exit == 0);
}

TEST_CASE("small machine: a limit on the size of files ends in a sentence and an exit code") {
    const Program program;
    const std::string books = program.books().string();
    const std::vector<std::string> submit = {"submit", "-", "--data", books};
    std::vector<std::string> create = submit;
    create.emplace_back("--create");
    // In blocks of 512 bytes: less than a segment of the log.
    const ProgramResult refused = program.run_within("-f 1024", create, kOpenCashAndAlice);
    CHECK(refused.exit == 4);
    CHECK_MESSAGE(has(refused.err, "File too large"), refused.err);

    REQUIRE(program.submit(kOpenCashAndAlice + transfer("t1"), {"--create"}).exit == 0);
    REQUIRE(program.run({"balance", "alice", "--data", books}).exit == 0);
    const ProgramResult stopped = program.run_within("-f 1", submit, transfer("t2"));
    CHECK(stopped.exit == 4);
    CHECK_MESSAGE(has(stopped.err, "File too large"), stopped.err);
    CHECK(program.submit(transfer("t2")).exit == 0);
    CHECK(balance(program, books) == "2.00");
    CHECK(program.run({"replay", "--views", "--data", books}).exit == 0);
}

TEST_CASE("small machine: few descriptors end in a sentence and an exit code") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    MESSAGE("SKIPPED: a sanitizer opens files of its own");
    return;
#endif
    const Program program;
    const std::string books = program.books().string();
    REQUIRE(program.submit(kOpenCashAndAlice, {"--create"}).exit == 0);
    int ends = 0;
    for (int descriptors = 3; descriptors < 40; ++descriptors) {
        // From 30 or so on everything is open.
        if (descriptors > 12 && descriptors % 7 != 0) continue;
        CAPTURE(descriptors);
        const fs::path err = program.home() / "err";
        test::RunningProgram server(program, {"serve", "--data", books},
                                    {.limits = "-n " + std::to_string(descriptors), .err = err});
        const bool is_up = !server.read_line().empty();
        server.terminate();
        const int exit = server.wait();
        if (is_up) {
            CHECK(exit == 0);
            continue;
        }
        // 127: not even its libraries are opened, which the loader says.
        if (exit == 127) continue;
        ++ends;
        const std::string told = test::text_of_file(err);
        fs::remove(err);
        CHECK_MESSAGE(exit == 4, told);
        CHECK_MESSAGE(has(told, "Too many open files"), told);
    }
    CHECK(ends > 0);
}

TEST_CASE("small machine: a server with fewer descriptors than its shards need says both numbers") {
    const Program program;
    const std::string books = program.books().string();
    REQUIRE(program.submit(kOpenCashAndAlice, {"--create"}).exit == 0);
    const auto told = [&](const std::string& limits) {
        const fs::path err = program.home() / ("err" + limits);
        test::RunningProgram server(program, {"serve", "--data", books},
                                    {.limits = limits, .err = err});
        REQUIRE(!server.read_line().empty());
        server.terminate();
        CHECK(server.wait() == 0);
        return test::text_of_file(err);
    };
    const std::string few = told("-n 100");
    CHECK_MESSAGE(has(few, "ulimit -n is 100, and books of 1 shard may need 224 descriptors"), few);
    CHECK(!has(told(""), "ulimit"));
}
