#pragma once

#include "events/result.h"
#include "events/seal/secret_bytes.h"
#include "events/world/files.h"

#include <cstddef>
#include <filesystem>
#include <span>

namespace vouch {

/// Files that only their owner may read or write. Faults name the file and never its contents.

/// The whole file. `configuration` when it is absent, no regular file, open to group or others, or
/// longer than `size_max`.
Result<SecretBytes> read_private_file(const std::filesystem::path& file, std::size_t size_max,
                                      Files& files = system_files());

/// Makes the file with mode 0600; it is durable and read back on return, and appears with all its
/// contents or not at all; a failure leaves none. Never replaces a file: false, and nothing is
/// changed, when there is one.
Result<bool> create_private_file(const std::filesystem::path& file,
                                 std::span<const std::byte> contents,
                                 Files& files = system_files());

/// The same, but a file that is there is replaced: after a crash it is the old one or the new one.
Status replace_private_file(const std::filesystem::path& file, std::span<const std::byte> contents,
                            Files& files = system_files());

/// Makes the directory and what is missing above it, with mode 0700, durably.
Status create_private_directories(const std::filesystem::path& directory,
                                  Files& files = system_files());

}  // namespace vouch
