#pragma once

#include "events/result.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vouch::places {

/// What a data directory's deployment is, as a Deployment message.
inline constexpr std::string_view kDeploymentFile = "deployment";
/// The same, while its topics are being made: it may be on them already, and its keys are here.
inline constexpr std::string_view kUnfinishedFile = "deployment.unfinished";

/// Ends the name of a backup, or of books that are restored, while it is made.
inline constexpr std::string_view kUnfinishedSuffix = ".unfinished";

/// All of a file that holds at most as much as a deployment.
Result<std::vector<std::byte>> read_small_file(const std::filesystem::path& file);

/// Whether a log may hold records: only one that is read to its end without any does not, or one
/// whose first segment has no name yet.
bool may_hold_records(const std::filesystem::path& log);

/// Why a directory that has keys or a log is no books without the file that says what they are.
Fault without_deployment(const std::filesystem::path& directory);

bool is_empty_directory(const std::filesystem::path& directory);

/// What is wrong with how things are set up, for the operator.
inline Fault configuration(std::string message) {
    return {FaultCode::configuration, std::move(message)};
}

}  // namespace vouch::places
