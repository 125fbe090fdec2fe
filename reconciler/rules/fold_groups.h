#pragma once

#include "events/entries/event.h"
#include "reconciler/rules/fold_context.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace vouch::reconciler {

/// Groups: the events of members, and the group's own event behind them.
class GroupFold {
public:
    explicit GroupFold(FoldContext& context) : context_(context) {}

    void fold_member(const CommandDecided& decided, std::uint64_t content);
    void fold_group(const CommandDecided& decided);
    /// Called where a group's own event would have to stand, had any member's event come.
    void end_group();
    /// The same before a command that may be the next member.
    void end_other_than(CommandId group) {
        if (has_members() && members_.front().group != group) end_group();
    }
    bool has_members() const { return !members_.empty(); }
    void forget() { members_.clear(); }

private:
    struct Member {
        CommandId id;
        std::uint64_t content = 0;
        Outcome outcome = Outcome::done;
        CommandId group;
        std::vector<AccountNumber> changed;
    };

    void check_group_done(const CommandDecided& decided, const Group& group);
    void check_group_failed(const CommandDecided& decided);
    bool is_first_member_derived(const CommandDecided& decided, const Group& group) const;
    std::optional<Outcome> group_refusal(const CommandDecided& decided, const Group& group) const;

    FoldContext& context_;
    std::vector<Member> members_;  ///< of a group whose own event has not come yet
};

}  // namespace vouch::reconciler
