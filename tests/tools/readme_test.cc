#include "tests/tools/program.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace vouch;

namespace {

/// Lines of the fenced blocks of a kind ("json", "console") in README.md.
std::vector<std::string> fenced(const std::string& kind) {
    std::ifstream readme(VOUCH_SOURCE_DIR "/README.md");
    REQUIRE(readme.good());
    std::vector<std::string> lines;
    bool inside = false;
    for (std::string line; std::getline(readme, line);) {
        if (line == "```" + kind) {
            inside = true;
        } else if (line == "```") {
            inside = false;
        } else if (inside) {
            lines.push_back(line);
        }
    }
    return lines;
}

struct Step {
    std::string command;
    std::string output;
};

}  // namespace

TEST_CASE("README: the first run gives what it shows") {
    const test::Program program;
    {
        std::ofstream file(program.home() / "first.ndjson");
        for (const std::string& line : fenced("json")) file << line << '\n';
    }
    std::vector<Step> steps;
    for (const std::string& line : fenced("console")) {
        if (line.starts_with("$ vouch ")) {
            steps.push_back({line.substr(8), ""});
        } else {
            REQUIRE(!steps.empty());
            steps.back().output += line + "\n";
        }
    }
    REQUIRE(steps.size() == 4);
    for (const Step& step : steps) {
        CAPTURE(step.command);
        CHECK(test::without_places(program.shell(step.command).out) ==
              test::without_places(step.output));
    }
}
