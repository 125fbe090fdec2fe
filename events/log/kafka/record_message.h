#pragma once

// A record on the topic `<name>.events`: the value is the record as it was sealed, the key its
// number in the shard as 8 bytes, big-endian. The number is there because offsets have holes; that
// it is the right one is proved by the record itself, to whoever has the keys of its chain.

#include "events/log/log.h"

#include <array>
#include <cstddef>
#include <optional>

namespace vouch::kafka {

using RecordKey = std::array<std::byte, 8>;

inline RecordKey key_of(RecordNumber record) {
    RecordKey key;
    for (std::size_t i = 0; i < key.size(); ++i) {
        key[i] = static_cast<std::byte>(record.value() >> (8 * (key.size() - 1 - i)));
    }
    return key;
}

/// Empty when the key is no record's: nothing that this program wrote.
inline std::optional<RecordNumber> number_of(ByteView key) {
    if (key.size() != sizeof(RecordKey)) return std::nullopt;
    std::uint64_t number = 0;
    for (const std::byte each : key) number = number << 8 | std::to_integer<std::uint64_t>(each);
    return RecordNumber(number);
}

}  // namespace vouch::kafka
