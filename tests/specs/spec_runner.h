#pragma once

#include "tests/specs/spec.h"
#include "tests/support/ledger.h"

#include <filesystem>
#include <string>
#include <vector>

namespace vouch::test {

/// Begins what is said of a finding that is about the whole books, after the line's number.
inline const std::string kBooksFinding = "books: ";

/// Plays a table on `ledger`, every line a batch of its own, and returns what was not as the table
/// says, a sentence each that names the line. Throws std::runtime_error when the table cannot be
/// read.
std::vector<std::string> run_spec(Ledger& ledger, std::string_view text, std::uint32_t shards = 1);

/// A table's text. Throws std::runtime_error when it cannot be read.
std::string read_spec(const std::filesystem::path& path);

}  // namespace vouch::test
