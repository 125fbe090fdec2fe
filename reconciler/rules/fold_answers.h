#pragma once

#include "events/entries/event.h"
#include "reconciler/rules/fold_changes.h"

#include <optional>
#include <vector>

namespace vouch::reconciler {

/// Outcomes that follow from another shard's answer.
class AnswerFold {
public:
    AnswerFold(FoldContext& context, ChangeFold& changes) : context_(context), changes_(changes) {}

    void fold_answered(const CommandAnswered& answered);

private:
    /// What an answer changes.
    struct Return {
        std::vector<Leg> legs;
        std::optional<HoldState> hold;
        Amount taken;     ///< as the answer says
        Amount returned;  ///< posted
        Amount freed;     ///< of what was held
    };
    Return return_of(const CommandAnswered& answered, const ReplayedCrossing& crossing) const;
    Return return_of_capture(const ReplayedCrossing& crossing, const CaptureHold& capture,
                             const OpenHold* open) const;
    Return return_of_refused_capture(const ReplayedCrossing& crossing, const HoldKey& key) const;
    Return return_of_refused_hold(const HoldKey& key) const;
    std::optional<HoldState> hold_under_way(const HoldKey& key) const;
    void check_answer(const CommandAnswered& answered, const ReplayedCrossing& crossing);
    void check_answer_parts(const CommandAnswered& answered, const CommandBody& body);
    void check_return(const CommandAnswered& answered, const ReplayedCrossing& crossing,
                      const Return& expected);
    void take_answer(const CommandAnswered& answered, const ReplayedCrossing& crossing,
                     const Return& expected);
    void keep_answered(const CommandAnswered& answered, const ReplayedCrossing* crossing);

    FoldContext& context_;
    ChangeFold& changes_;
};

}  // namespace vouch::reconciler
