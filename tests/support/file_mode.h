#pragma once

#include <filesystem>

namespace vouch::test {

/// A file's permissions as chmod takes them.
inline unsigned mode_of(const std::filesystem::path& file) {
    return static_cast<unsigned>(std::filesystem::status(file).permissions());
}

}  // namespace vouch::test
