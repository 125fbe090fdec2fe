#pragma once

#include "events/entries/event.h"
#include "reconciler/rules/fold_changes.h"

#include <optional>

namespace vouch::reconciler {

/// Holds that expire at the head of a record.
class ExpiryFold {
public:
    ExpiryFold(FoldContext& context, ChangeFold& changes) : context_(context), changes_(changes) {}

    void fold_expiry(const HoldExpired& expired);
    /// Before the first command nothing is due any more. A record without commands may leave holds
    /// to the next one, when it has no room for all.
    void end_due();

private:
    void send_expiry(const HoldExpired& expired, std::optional<Amount> freed);

    FoldContext& context_;
    ChangeFold& changes_;
};

}  // namespace vouch::reconciler
