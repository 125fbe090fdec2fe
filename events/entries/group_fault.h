#pragma once

#include "events/entries/command.h"

#include <cstddef>
#include <optional>
#include <variant>

namespace vouch {

/// A member has the group's own id.
struct OwnIdInGroup {
    std::size_t member = 0;
};
/// More than kPostingsMax, as `posting_count` counts them.
struct PostingsBeyondGroup {
    std::size_t count = 0;
};
using GroupFault = std::variant<OwnIdInGroup, PostingsBeyondGroup>;

/// What makes a group none that can be recorded, whatever the books say, though each member could
/// be alone; the first such thing. Empty when all is well, and for every other command.
std::optional<GroupFault> group_fault(const Command& command);

}  // namespace vouch
