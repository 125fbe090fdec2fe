#include "events/money/ids.h"

#include "events/bytes/big_endian.h"
#include "events/bytes/hex.h"

namespace vouch {

IdBytes id_bytes(std::uint64_t high, std::uint64_t low) {
    IdBytes bytes;
    put_big_endian(low, put_big_endian(high, bytes.data(), 8), 8);
    return bytes;
}

std::string id_text(std::uint64_t high, std::uint64_t low) {
    return hex(id_bytes(high, low));
}

}  // namespace vouch
