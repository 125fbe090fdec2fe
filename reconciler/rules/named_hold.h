#pragma once

#include "events/entries/event.h"
#include "reconciler/rules/derive.h"

#include <optional>

namespace vouch::reconciler {

/// The hold that a capture, release or extension refers to, and whom it names.
struct HoldNamed {
    CommandId hold;
    AccountId account;
    AccountId credit;
};
/// Empty for other commands.
std::optional<HoldNamed> hold_named(const CommandBody& body);

/// Whether a refusal may rest on a hold that is no longer open, of which the fold knows nothing;
/// the id check looks at those.
bool may_depend_on_past(const ReplayedBooks& books, const CommandDecided& decided,
                        const Derived& derived);

}  // namespace vouch::reconciler
