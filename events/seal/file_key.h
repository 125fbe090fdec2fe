#pragma once

#include "events/seal/block_mac.h"

#include <array>
#include <cstddef>

namespace vouch {

/// Names a file among all that were ever written under a store's key; stored in it.
using FileSalt = std::array<std::byte, 16>;

/// Never the same twice.
FileSalt make_file_salt();

/// HMAC-SHA256(store's key, "vouch/sealed-file/v1" 0x00 | salt).
SecretKey file_key(const SecretKey& store_key, const FileSalt& salt);

}  // namespace vouch
