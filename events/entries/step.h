#pragma once

#include "events/entries/command.h"
#include "events/entries/facts.h"
#include "events/money/amount.h"
#include "events/money/asset.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/money/outcome.h"
#include "events/overloads.h"

#include <string_view>
#include <variant>

namespace vouch {

/// Steps between shards as values; meaning of every field: schemas/event.proto, Step. What each
/// leads to: docs/rules.md, "Across shards".

struct CreditStep {
    AccountId payer;
    AccountId payee;
    Asset asset;
    Amount amount;
    bool may_take_less = false;
    bool makes_entry = false;
};

struct HoldStep {
    AccountId payer;
    AccountId payee;
    Asset asset;
    Amount amount;
    bool may_take_less = false;
};

struct CaptureStep {
    CommandId hold;
    AccountId payer;
    Amount amount;
    Amount freed;  ///< taken from what is held: `amount` and the rest that is not kept
};

struct ReleaseStep {
    CommandId hold;
    Amount freed;
    bool expired = false;
};

struct AnswerStep {
    Outcome outcome = Outcome::malformed;
    Amount amount;
    Facts facts;
};

struct ForwardStep {
    Command command;
};

using StepKind =
    std::variant<CreditStep, HoldStep, CaptureStep, ReleaseStep, AnswerStep, ForwardStep>;

struct Step {
    LedgerId ledger;    ///< 0 in a forward
    CommandId command;  ///< zero in a forward
    StepKind kind;
    /// Of a step that StepFollowed tells of: its command's, as it was sent; empty: no text was.
    std::string_view id_text = {};
};

/// The steps that a StepFollowed tells of: all but answers and forwards.
template <class Kind>
concept FollowedStep = kIsOneOf<Kind, CreditStep, HoldStep, CaptureStep, ReleaseStep>;

inline bool is_followed(const Step& step) {
    return std::visit(Overloads{
                          [](const FollowedStep auto&) { return true; },
                          [](const AnswerStep&) { return false; },
                          [](const ForwardStep&) { return false; },
                      },
                      step.kind);
}

/// As the first programs wrote it: what they sent is built again without its text.
inline Step without_text(Step step) {
    step.id_text = {};
    return step;
}

/// True for what may become of such a step.
constexpr bool is_step_outcome(Outcome outcome) {
    return !is_accepted(outcome) || outcome == Outcome::posted || outcome == Outcome::held ||
           outcome == Outcome::captured || outcome == Outcome::released;
}

}  // namespace vouch
