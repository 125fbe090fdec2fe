#include "events/log/disk_room.h"

#include <cerrno>

namespace vouch {
namespace {

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

/// The directory that holds it; empty above the first.
std::string parent_of(const std::string& path) {
    const std::size_t slash = path.find_last_of('/');
    if (slash == std::string::npos) return path == "." ? "" : ".";
    return slash == 0 ? (path == "/" ? "" : "/") : path.substr(0, slash);
}

}  // namespace

Status check_room(Files& files, const std::string& path, std::uint64_t needed) {
    std::string at = path;
    CallResult free = files.free_bytes(at);
    while (free.error == ENOENT && !(at = parent_of(at)).empty()) free = files.free_bytes(at);
    if (!free) return storage_fault("statvfs", path, free.error);
    const auto bytes = static_cast<std::uint64_t>(free.value);
    if (bytes >= needed) return {};
    return Fault{FaultCode::retriable,
                 "the disk of " + path + " is full: " + mebibytes(bytes) + " are free, and " +
                     mebibytes(needed) + " are needed to go on; make room, and it goes on"};
}

}  // namespace vouch
