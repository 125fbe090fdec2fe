#pragma once

#include <CLI/App.hpp>

#include <span>
#include <string>

namespace vouch::cli {

/// What is wrong with the words that CLI11 refused, as all our messages say it: what, and what was
/// expected. `at` is the subcommand that they name. An option that there is none of goes first:
/// what else is missing may be what it was meant for.
std::string usage_mistake(const CLI::App& at, std::span<const char* const> words,
                          const CLI::ParseError& error);

}  // namespace vouch::cli
