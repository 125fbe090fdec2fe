#pragma once

#include "tests/tools/program.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

// Books with a few accounts, and what a call of the program did to them: what it said, and which
// files are other ones.

namespace vouch::test {

/// Opens cash and alice in euro, and yen; alice has 10.00.
extern const std::string kOpenAndPay;

struct OpenedBooks {
    Program program;
    std::string books = program.books().string();
    OpenedBooks();
    /// The file with the keys' passphrase.
    std::filesystem::path passphrase() const;
};

std::string contents(const std::filesystem::path& file);
/// Every file below a directory with what is in it.
std::map<std::string, std::string> tree(const std::filesystem::path& directory);

/// A refusal with its sentence: exit code, nothing on stdout, and this on stderr.
void check_refused(const ProgramResult& result, int exit, const std::string& sentence);

/// "o1 opened", or "line 3 malformed amount".
std::vector<std::string> short_outcomes(const ProgramResult& result);

/// What an account can spend.
std::string available(const Program& program, const std::string& account);

}  // namespace vouch::test
