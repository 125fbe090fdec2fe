#include "events/entries/group_fault.h"

namespace vouch {

std::optional<GroupFault> group_fault(const Command& command) {
    const auto* const group = std::get_if<Group>(&command.body);
    if (group == nullptr) return std::nullopt;
    std::size_t postings = 0;
    for (std::size_t i = 0; i < group->members.size(); ++i) {
        const Command& member = group->members[i];
        if (member.id == command.id) return OwnIdInGroup{i};
        postings += posting_count(member.body);
    }
    if (postings > kPostingsMax) return PostingsBeyondGroup{postings};
    return std::nullopt;
}

}  // namespace vouch
