#pragma once

#include <filesystem>

namespace vouch::test {

/// A directory of its own, empty at first, removed with all it holds at the end of its life.
/// Throws std::filesystem::filesystem_error when it cannot be made.
class TemporaryDirectory {
public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace vouch::test
