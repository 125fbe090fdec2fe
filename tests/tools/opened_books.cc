#include "tests/tools/opened_books.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <sstream>
#include <utility>

namespace vouch::test {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kOpenAndPay =
    "{\"id\":\"o1\",\"open_account\":{\"account\":\"cash\",\"asset\":\"EUR/"
    "2\",\"class\":\"asset\",\"limit\":\"unlimited\"}}\n"
    "{\"id\":\"o2\",\"open_account\":{\"account\":\"alice\",\"asset\":\"EUR/"
    "2\",\"class\":\"liability\"}}\n"
    "{\"id\":\"o3\",\"open_account\":{\"account\":\"yen\",\"asset\":\"JPY/"
    "0\",\"class\":\"liability\"}}\n"
    "{\"id\":\"t1\",\"transfer\":{\"debit\":\"cash\",\"credit\":\"alice\",\"amount\":\"10.00\"}}\n";

OpenedBooks::OpenedBooks() { REQUIRE(program.submit(kOpenAndPay, {"--create"}).exit == 0); }

fs::path OpenedBooks::passphrase() const {
    for (const auto& entry : fs::directory_iterator(program.home() / ".config" / "vouch"))
        return entry.path();
    return {};
}

std::string contents(const fs::path& file) {
    const std::ifstream in(file, std::ios::binary);
    // Not byte by byte: a segment of the log has 64 MiB, which take a sanitizer seconds.
    std::ostringstream bytes;
    bytes << in.rdbuf();
    return std::move(bytes).str();
}

std::map<std::string, std::string> tree(const fs::path& directory) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
        files[entry.path().string()] = entry.is_regular_file() ? contents(entry.path()) : "";
    }
    return files;
}

void check_refused(const ProgramResult& result, int exit, const std::string& sentence) {
    CAPTURE(result.err);
    CHECK(result.exit == exit);
    CHECK(result.out.empty());
    CHECK(result.err.find(sentence) != std::string::npos);
}

std::vector<std::string> short_outcomes(const ProgramResult& result) {
    std::vector<std::string> all;
    for (const std::string& line : result.lines()) {
        const json outcome = json::parse(line);
        std::string text = outcome.contains("id")
                               ? outcome["id"].get<std::string>()
                               : "line " + std::to_string(outcome["line"].get<int>());
        text += " " + outcome["outcome"].get<std::string>();
        if (outcome.contains("field")) text += " " + outcome["field"].get<std::string>();
        all.push_back(text);
    }
    return all;
}

std::string available(const Program& program, const std::string& account) {
    const ProgramResult result =
        program.run({"balance", account, "--data", program.books().string(), "--json"});
    REQUIRE(result.exit == 0);
    return json::parse(result.out)["available"];
}

}  // namespace vouch::test
