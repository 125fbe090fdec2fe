#include "tests/tools/program.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

using namespace vouch;
using test::Program;
using test::ProgramResult;

namespace {

namespace fs = std::filesystem;

constexpr std::streamoff kBlockBytes = 4096;

std::string open_account(const std::string& id, const std::string& kind) {
    return "{\"id\":\"o-" + id + "\",\"open_account\":{\"account\":\"" + id +
           "\",\"asset\":\"EUR/2\"," + kind + "}}\n";
}

void flip_bit(const fs::path& path, std::streamoff at) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(at);
    const int byte = file.get();
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 1));
    REQUIRE(file.flush());
}

}  // namespace

TEST_CASE("interrupted recovery: damage that later records prove durable is given up to the end") {
    const Program program;
    const std::string books = program.books().string();
    std::string lines = open_account("cash", R"("class":"asset","limit":"unlimited")") +
                        open_account("alice", R"("class":"liability")");
    for (int i = 0; i < 6; ++i) {
        lines += "{\"id\":\"t" + std::to_string(i) +
                 "\",\"transfer\":{\"debit\":\"cash\",\"credit\":\"alice\",\"amount\":\"1.00\"}}\n";
    }
    REQUIRE(program.submit(lines, {"--create", "--one-at-a-time"}).exit == 0);
    flip_bit(program.books() / "log" / "00000000.segment", 5 * kBlockBytes + 150);
    const ProgramResult looked = program.run({"recover", "--data", books});
    CHECK(looked.exit == 1);
    REQUIRE_MESSAGE(looked.err.find("--accept-loss 0:4-") != std::string::npos, looked.err);

    // As if the machine had stopped right after the note was made.
    const fs::path note = program.books() / "recovery";
    std::ofstream(note) << "op\n0:4\n";
    const ProgramResult finished = program.run({"recover", "--data", books});
    CHECK_MESSAGE(finished.exit == 0, finished.err);
    CHECK_FALSE(fs::exists(note));
    CHECK(program.run({"replay", "--data", books}).exit == 0);
}
