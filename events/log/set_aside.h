#pragma once

#include "events/result.h"
#include "events/world/files.h"

#include <cstddef>
#include <filesystem>
#include <string>

namespace vouch {

/// Where something went that was in the way, and how much of its kind is there.
struct SetAside {
    std::filesystem::path path;
    std::size_t kept = 0;  ///< with this one
};

/// Moves a file or directory aside, to PATH.WHY-TIME-N beside it: it is evidence, and nothing
/// removes it but people. TIME is this machine's, in UTC; N is the first that is free. Nobody else
/// moves anything there meanwhile.
Result<SetAside> set_aside(const std::filesystem::path& path, const std::string& why,
                           Files& files = system_files());

}  // namespace vouch
