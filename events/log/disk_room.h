#pragma once

#include "events/result.h"
#include "events/world/files.h"

#include <cstdint>
#include <string>

namespace vouch {

/// Bytes free on the books' disk below which stores and views begin nothing new there: what they
/// have begun can end, and RocksDB never meets a full disk, which it does not survive.
inline constexpr std::uint64_t kDiskReserveBytes = std::uint64_t{64} << 20;
/// The same for what takes more at once, and for the log's next segment: so no record is written
/// that stores and views have no room to follow.
inline constexpr std::uint64_t kLogReserveBytes = 4 * kDiskReserveBytes;

/// `retriable`, for people, when fewer than `needed` bytes are free where `path` is, or will be
/// made. A disk that is full is a state that ends when there is room.
Status check_room(Files& files, const std::string& path, std::uint64_t needed);

}  // namespace vouch
