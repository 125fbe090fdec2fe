#pragma once

#include "events/result.h"

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>

namespace vouch::places {

/// Holds a file's lock while it lives.
class FileLock {
public:
    /// Waits, and says so; `retriable`, saying that it is `taken`, when the file is still locked
    /// after `wait_max`.
    static Result<FileLock> take(
        const std::filesystem::path& file, std::chrono::milliseconds wait_max,
        const std::string& taken = "another process has the views open; try again when it is done");
    FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    FileLock& operator=(FileLock&&) = delete;
    ~FileLock();

private:
    explicit FileLock(int fd) : fd_(fd) {}
    int fd_;
};

}  // namespace vouch::places
