#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace vouch::test {

/// A disk of so many bytes, in memory, mounted below `where` while it lives. Root may make one, and
/// where user namespaces are allowed anybody, in one of this process's own.
class SmallDisk {
public:
    SmallDisk(const std::filesystem::path& where, const std::string& size);
    ~SmallDisk();
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    /// False where none may be made; the test says that it was skipped.
    bool is_mounted() const { return is_mounted_; }
    /// Why not.
    const std::string& reason() const { return reason_; }
    const std::filesystem::path& path() const { return path_; }

    /// Leaves so many bytes free, or what is free if that is less. False when that failed.
    bool fill(std::uint64_t left);
    void make_room();

private:
    std::filesystem::path path_;
    bool is_mounted_ = false;
    std::string reason_;
};

}  // namespace vouch::test
