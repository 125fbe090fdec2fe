#include "tests/support/shared_data.h"

#include <cstdlib>
#include <iostream>

namespace vouch::test {

std::optional<std::filesystem::path> find_shared_data(std::string_view relative_path) {
    const char* const root = std::getenv("VOUCH_SHARED_DATA");
    std::filesystem::path path(root != nullptr ? root : VOUCH_SHARED_DATA);
    path /= relative_path;
    std::error_code error;
    if (std::filesystem::exists(path, error)) return path;
    std::cerr << "skipped: no test data at " << path.lexically_normal().string() << '\n';
    return std::nullopt;
}

}  // namespace vouch::test
