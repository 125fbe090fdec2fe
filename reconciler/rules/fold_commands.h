#pragma once

#include "events/entries/event.h"
#include "reconciler/rules/derive.h"
#include "reconciler/rules/fold_changes.h"
#include "reconciler/rules/fold_groups.h"
#include "reconciler/rules/fold_reversals.h"

#include <cstdint>

namespace vouch::reconciler {

/// The outcome of a command of this kind when it is accepted.
Outcome acceptance(const CommandBody& body);

/// What became of commands.
class CommandFold {
public:
    CommandFold(FoldContext& context, ChangeFold& changes, GroupFold& groups,
                ReversalFold& reversals)
        : context_(context), changes_(changes), groups_(groups), reversals_(reversals) {}

    void fold_command(const CommandDecided& decided, std::uint64_t content);

private:
    struct AcceptedCommand;

    bool check_outcome(const CommandDecided& decided, const Derived& derived);
    void check_parts(const CommandDecided& decided);
    void fold_accepted(const CommandDecided& decided, const Derived& derived);
    void adopt_accepted(const CommandDecided& decided);
    void adopt_opening(const CommandDecided& decided, const OpenAccount& open);
    void keep_outcome(const CommandDecided& decided, std::uint64_t content);
    void keep_hold_refusal(const CommandDecided& decided);

    FoldContext& context_;
    ChangeFold& changes_;
    GroupFold& groups_;
    ReversalFold& reversals_;
};

}  // namespace vouch::reconciler
