#include "reconciler/finding.h"
#include "tests/tools/program.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <fstream>
#include <set>
#include <string>

using namespace vouch;

namespace {

/// The last word of a paragraph that ends with "`NAME`:", which the block below it is the file of.
std::string file_named_by(const std::string& line) {
    if (!line.ends_with("`:")) return "";
    const std::size_t end = line.size() - 2;
    const std::size_t begin = line.rfind('`', end - 1);
    return begin == std::string::npos ? "" : line.substr(begin + 1, end - begin - 1);
}

/// Does what a reader of the page does, in its order: writes the files of its json blocks, runs the
/// commands of its console blocks, and holds what they print against what stands below them. Returns
/// how many commands there were.
std::size_t follow(const std::string& page) {
    const test::Program program;
    std::ifstream text(VOUCH_SOURCE_DIR "/" + page);
    REQUIRE(text.good());
    std::size_t commands = 0;
    std::string block;    // its kind; empty outside of blocks
    std::string said;     // the last line before the block
    std::string command;  // of the console block, whose output is being read
    std::string shown;
    std::ofstream file;
    const auto run = [&] {
        if (command.empty()) return;
        CAPTURE(command);
        CHECK(test::without_places(program.shell(command).out) == test::without_places(shown));
        ++commands;
        command.clear();
        shown.clear();
    };
    for (std::string line; std::getline(text, line);) {
        if (line == "```") {
            run();
            if (file.is_open()) file.close();
            block.clear();
        } else if (line.starts_with("```")) {
            block = line.substr(3);
            if (block != "json") continue;
            CAPTURE(said);
            const std::string name = file_named_by(said);
            REQUIRE(!name.empty());
            file.open(program.home() / name);
        } else if (block == "json") {
            file << line << '\n';
        } else if (block == "console" && line.starts_with("$ vouch ")) {
            run();
            command = line.substr(8);
        } else if (block == "console") {
            REQUIRE(!command.empty());
            shown += line + "\n";
        } else if (!line.empty()) {
            said = line;
        }
    }
    return commands;
}

}  // namespace

TEST_CASE("README: the first run gives what it shows") { CHECK(follow("README.md") == 4); }

TEST_CASE("tutorial: each command gives what it shows") { CHECK(follow("docs/tutorial.md") == 17); }

TEST_CASE("findings: the page has each word that replay can print, and no other") {
    std::set<std::string> expected;
    for (unsigned i = 0; i < 256; ++i) {
        const auto check = static_cast<reconciler::Check>(i);
        if (const std::string word(to_text(check)); !word.empty()) expected.insert(word);
    }
    std::set<std::string> found;
    std::ifstream page(VOUCH_SOURCE_DIR "/docs/findings.md");
    for (std::string line; std::getline(page, line);) {
        if (line.starts_with("| `")) found.insert(line.substr(3, line.find('`', 3) - 3));
    }
    CHECK(expected.size() > 40);
    for (const std::string& word : expected) CHECK_MESSAGE(found.contains(word), word);
    for (const std::string& word : found) CHECK_MESSAGE(expected.contains(word), word);
}
