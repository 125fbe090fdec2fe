#pragma once

#include "events/bytes/bytes.h"
#include "events/log/log.h"

#include <cstdint>

namespace vouch {

/// CRC-32C (Castagnoli, reflected 0x82F63B78) of `bytes`, continuing from `crc`; 0 starts.
/// crc32c(crc32c(0, a), b) is the checksum of a followed by b. Finds accidents, not attackers.
/// Uses the processor's instruction where there is one (about 20 GB/s). Any thread.
std::uint32_t crc32c(std::uint32_t crc, ByteView bytes);

/// The same by table, for processors without the instruction (about 0.4 GB/s).
std::uint32_t crc32c_portable(std::uint32_t crc, ByteView bytes);

}  // namespace vouch
