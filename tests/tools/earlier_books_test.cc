#include "tests/tools/program.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

// Books that an earlier program wrote: tests/golden/books_2.tar.zst, whose records are of format 2.

using namespace vouch::test;

namespace {

/// Four shards, 600 transfers in records of many blocks, some over shards; alice has 600.00.
const std::string kBooksOfFormat2 = VOUCH_SOURCE_DIR "/tests/golden/books_2.tar.zst";

}  // namespace

TEST_CASE("earlier books: those of format 2 are read, and go on in format 3") {
    const Program program;
    REQUIRE(program.shell("--version >&2; tar --zstd -xf " + kBooksOfFormat2).exit == 0);
    const std::string passphrase = (program.home() / "passphrase").string();
    const auto run = [&](std::vector<std::string> words, const std::string& input = "") {
        words.insert(words.end(), {"--data", "books", "--passphrase-file", passphrase});
        return program.run(words, input);
    };
    const ProgramResult before = run({"replay"});
    CHECK_MESSAGE(before.exit == 0, before.out);
    CHECK(before.out.starts_with("clean: no findings"));
    CHECK(run({"balance", "alice"}).out.find("balance         600.00") != std::string::npos);

    // A repeat and a refund are read back out of records of format 2, a block of theirs at a time.
    const ProgramResult more =
        run({"submit", "-", "--one-at-a-time"},
            R"({"id":"t300","transfer":{"debit":"cash","credit":"alice","amount":"1.00"},)"
            R"("context":"order-300"})" "\n"
            R"({"id":"t300","transfer":{"debit":"cash","credit":"alice","amount":"2.00"}})" "\n"
            R"({"id":"r1","reverse":{"entry":"t301"}})" "\n"
            R"({"id":"n1","transfer":{"debit":"cash","credit":"alice","amount":"7.00"}})" "\n");
    CHECK_MESSAGE(more.exit == 0, more.err);
    const std::vector<std::string> outcomes = more.lines();
    REQUIRE(outcomes.size() == 4);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        constexpr const char* kExpected[] = {"posted", "conflict", "reversed", "posted"};
        CHECK(nlohmann::json::parse(outcomes[i])["outcome"] == kExpected[i]);
    }
    CHECK(run({"balance", "alice"}).out.find("balance         606.00") != std::string::npos);
    const ProgramResult after = run({"replay", "--views"});
    CHECK_MESSAGE(after.exit == 0, after.out);
    REQUIRE(run({"export", "archive"}).exit == 0);
    const ProgramResult archived = program.run({"replay", "--archive", "archive", "--keys", "books",
                                                "--passphrase-file", passphrase});
    CHECK_MESSAGE(archived.exit == 0, archived.out);
}
