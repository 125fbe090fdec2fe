#pragma once

#include "events/entries/command.h"
#include "events/part_of.h"

namespace vouch {

/// What a command refers to, whatever its kind.

/// Zero of those that refer to no hold.
inline CommandId hold_of(const CommandBody& body) {
    return part_of(body, CommandId(), [](const auto& b) -> decltype(b.hold) { return b.hold; });
}

/// Zero of those that undo no entry.
inline CommandId entry_of(const CommandBody& body) {
    return part_of(body, CommandId(), [](const auto& b) -> decltype(b.entry) { return b.entry; });
}

inline bool is_reversal(const CommandBody& body) { return kind_of(body).makes == Makes::reversal; }

}  // namespace vouch
