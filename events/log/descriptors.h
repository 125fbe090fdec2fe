#pragma once

#include <string>

namespace vouch {

/// Whether a message, ours or RocksDB's, says that the process or the machine has no descriptor
/// left: that ends as a full disk does.
bool is_out_of_descriptors(const std::string& message);

}  // namespace vouch
