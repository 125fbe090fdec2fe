#pragma once

#include "events/entries/command.h"
#include "events/part_of.h"

#include <span>
#include <variant>

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

/// The first of a group's members that opens the account; null when none does.
inline const OpenAccount* opening_of(std::span<const Command> members, AccountId account) {
    for (const Command& member : members) {
        const auto* const opening = std::get_if<OpenAccount>(&member.body);
        if (opening != nullptr && opening->account == account) return opening;
    }
    return nullptr;
}

inline bool is_reversal(const CommandBody& body) { return kind_of(body).makes == Makes::reversal; }

}  // namespace vouch
