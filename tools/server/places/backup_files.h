#pragma once

#include "events/result.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace vouch::places {

/// The files of a backup (backup.h), and their sums.

inline constexpr std::string_view kKeysFile = "keys";
inline constexpr std::string_view kSumsFile = "SHA256SUMS";

/// What kSumsFile says of all files but itself: lines as of sha256sum(1).
Result<std::string> sums_of(const std::filesystem::path& folder);

/// `configuration` for a folder that is no backup; `corrupt`, with the first file that is not what
/// the sums say, is missing, or stands in none.
Status check_sums(const std::filesystem::path& folder);

/// `configuration` for a folder that is a backup.
Status check_no_backup(const std::filesystem::path& directory);

/// Of a backup that is read where it lies: `corrupt` when a file that was backed up is not there,
/// as in a copy that was cut off. What the files hold, their records prove.
Status check_backup_whole(const std::filesystem::path& directory);

}  // namespace vouch::places
