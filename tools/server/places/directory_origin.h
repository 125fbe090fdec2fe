#pragma once

#include "events/result.h"
#include "tools/server/places/data_directory.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace vouch::places {

/// Tells a data directory that holds its log from a copy of it. The file `origin` notes what the
/// file system says of the directory and no copy takes along; who would write to a directory that
/// it does not fit is refused. On brokers copies share one log, and nothing is noted.

inline constexpr std::string_view kOriginFile = "origin";

/// What a directory keeps over restarts, reboots and renames, and a copy of it does not have.
/// Nothing is known where a file system is not sure to keep it: rather is a copy not found than a
/// restart refused.
struct DirectoryTraits {
    std::optional<std::uint64_t> born_ns;  ///< since 1970
    std::optional<std::uint64_t> inode;

    bool operator==(const DirectoryTraits&) const = default;
};

DirectoryTraits traits_of(const std::filesystem::path& directory);

/// False only when what both know differs. The birth time says it alone where both know it: numbers
/// of inodes change when a file system is made smaller.
bool may_be_one(const DirectoryTraits& noted, const DirectoryTraits& found);

/// Before anything is written: `configuration`, with the way on, when the directory is a copy. A
/// note that cannot be read, or is another program's, refuses nobody.
Status check_is_original(const DataDirectory& data);

/// Notes a directory that has no note yet. The books' one writer. A fault when there is a note that
/// cannot be read, or is another program's; it stays.
Status note_origin(const DataDirectory& data);

/// Notes in `copy`, a directory in the making, that it is one of `original`, or of what that is
/// restored from, whatever the file system says of it.
Status note_restored(const DataDirectory& original, const std::filesystem::path& copy);

/// Whether that was noted, and nobody has said since that the original is gone.
bool is_restored(const std::filesystem::path& directory);

/// Notes that a copy is the original from now on, by whom, and where it came from. False, with
/// nothing changed, when it is no copy.
Result<bool> accept_copy(const DataDirectory& data, const std::string& asked_by);

}  // namespace vouch::places
