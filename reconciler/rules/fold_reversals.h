#pragma once

#include "events/entries/event.h"
#include "reconciler/rules/fold_changes.h"

#include <span>

namespace vouch::reconciler {

/// The postings that a refund names.
RefundedPair pair_of(const Refund& refund);

/// Reversals and refunds, as far as accounts tell.
class ReversalFold {
public:
    ReversalFold(FoldContext& context, ChangeFold& changes)
        : context_(context), changes_(changes) {}

    void fold_reversal(const CommandDecided& decided);
    /// What the id check must know of one, decided or on its way.
    void keep_reversal(const CommandDecided& decided);

private:
    void check_reversal_refused(const CommandDecided& decided);
    void check_account_refused(const CommandDecided& decided);
    bool is_justified_of(const CommandDecided& decided, const Account& account) const;
    void keep_refusal(const CommandDecided& decided, CommandId entry);
    void keep_refusal_facts(const CommandDecided& decided);
    void check_undoing(const CommandDecided& decided);
    void check_undone(const Command& command, const Account& account, const Change& change);
    void check_limits(std::span<const Change> changes);
    void check_refund(const CommandDecided& decided, const Refund& refund);
    void check_reverse(const CommandDecided& decided, const Reverse& reverse);

    FoldContext& context_;
    ChangeFold& changes_;
};

}  // namespace vouch::reconciler
