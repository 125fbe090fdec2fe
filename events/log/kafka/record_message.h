#pragma once

// A record on the topic `<name>.events`: the value is the record as it was sealed, the key its
// number in the shard as 8 bytes, big-endian. The number is there because offsets have holes; that
// it is the right one is proved by the record itself, to whoever has the keys of its chain.

#include "events/bytes/big_endian.h"
#include "events/bytes/bytes.h"
#include "events/log/log.h"

#include <array>
#include <cstddef>
#include <optional>

namespace vouch::kafka {

using RecordKey = std::array<std::byte, 8>;

inline RecordKey key_of(RecordNumber record) { return big_endian(record.value()); }

/// Empty when the key is no record's: nothing that this program wrote.
inline std::optional<RecordNumber> number_of(ByteView key) {
    if (key.size() != sizeof(RecordKey)) return std::nullopt;
    return RecordNumber(from_big_endian(key));
}

}  // namespace vouch::kafka
