#pragma once

#include "events/entries/command.h"
#include "events/part_of.h"

#include <cstddef>
#include <optional>
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

/// How a group itself opens an account: the place of the first member that does.
struct OwnOpening {
    std::size_t at;
    const OpenAccount& opening;
};
/// None when no member opens the account.
inline std::optional<OwnOpening> opening_of(std::span<const Command> members, AccountId account) {
    for (std::size_t at = 0; at < members.size(); ++at) {
        const auto* const opening = std::get_if<OpenAccount>(&members[at].body);
        if (opening != nullptr && opening->account == account) return OwnOpening{at, *opening};
    }
    return std::nullopt;
}

inline bool is_reversal(const CommandBody& body) { return kind_of(body).makes == Makes::reversal; }

}  // namespace vouch
