#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace vouch::test {

/// Path of third-party test data, such as `vectors/murmur2.json`: below $VOUCH_SHARED_DATA, or
/// below the folder given when the build was configured.
///
/// Empty, with a line on stderr that names the missing file, when it is absent: the caller returns,
/// and the test has then checked nothing.
std::optional<std::filesystem::path> find_shared_data(std::string_view relative_path);

}  // namespace vouch::test
