#pragma once

#include "events/entries/step.h"
#include "events/overloads.h"

#include <variant>

namespace vouch {

/// What a step names, whatever its kind.

/// Zero of the kinds that do not name who pays.
inline AccountId payer_of(const StepKind& kind) {
    return std::visit(
        [](const auto& step) {
            if constexpr (requires { step.payer; }) {
                return step.payer;
            } else {
                return AccountId();
            }
        },
        kind);
}

/// Zero of the kinds that do not name who is paid.
inline AccountId payee_of(const StepKind& kind) {
    return std::visit(
        [](const auto& step) {
            if constexpr (requires { step.payee; }) {
                return step.payee;
            } else {
                return AccountId();
            }
        },
        kind);
}

/// True of the end of a hold that its expiry brought: nobody waits for an answer.
inline bool is_expiry(const StepKind& kind) {
    const auto* release = std::get_if<ReleaseStep>(&kind);
    return release != nullptr && release->expired;
}

}  // namespace vouch
