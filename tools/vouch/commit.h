#pragma once

#include <string_view>

namespace vouch::cli {

/// The commit that the program was built from, with "-dirty" when files of it had been changed, or
/// "unknown". Written by each build (cmake/commit.cmake).
extern const std::string_view kCommit;

}  // namespace vouch::cli
