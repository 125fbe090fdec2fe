#pragma once

#include "events/entries/step.h"
#include "events/overloads.h"
#include "events/part_of.h"

#include <variant>

namespace vouch {

/// What a step names, whatever its kind.

/// Zero of the kinds that do not name who pays.
inline AccountId payer_of(const StepKind& kind) {
    return part_of(kind, AccountId(), [](const auto& k) -> decltype(k.payer) { return k.payer; });
}

/// Zero of the kinds that do not name who is paid.
inline AccountId payee_of(const StepKind& kind) {
    return part_of(kind, AccountId(), [](const auto& k) -> decltype(k.payee) { return k.payee; });
}

/// What a credit, hold or capture asks its receiver to take; nothing of the others.
inline Amount amount_asked(const StepKind& kind) {
    return std::visit(Overloads{
                          [](const FollowedStep auto& step) { return step.amount; },
                          [](const ReleaseStep&) { return Amount(); },
                          [](const AnswerStep&) { return Amount(); },
                          [](const ForwardStep&) { return Amount(); },
                      },
                      kind);
}

/// True of the steps that make an entry where they are followed, which can be undone there.
inline bool makes_entry(const StepKind& kind) {
    return std::visit(Overloads{
                          [](const CreditStep& credit) { return credit.makes_entry; },
                          [](const CaptureStep&) { return true; },
                          [](const HoldStep&) { return false; },
                          [](const ReleaseStep&) { return false; },
                          [](const AnswerStep&) { return false; },
                          [](const ForwardStep&) { return false; },
                      },
                      kind);
}

/// True of the end of a hold that its expiry brought: nobody waits for an answer.
inline bool is_expiry(const StepKind& kind) {
    const auto* release = std::get_if<ReleaseStep>(&kind);
    return release != nullptr && release->expired;
}

}  // namespace vouch
