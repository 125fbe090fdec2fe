#include "reconciler/rules/named_hold.h"

namespace vouch::reconciler {

std::optional<HoldNamed> hold_named(const CommandBody& body) {
    return std::visit(
        [](const auto& each) -> std::optional<HoldNamed> {
            if constexpr (requires { each.hold; each.credit; }) {
                return HoldNamed{each.hold, each.account, each.credit};
            } else if constexpr (requires { each.hold; }) {
                return HoldNamed{each.hold, each.account, {}};
            } else {
                return std::nullopt;
            }
        },
        body);
}

bool may_depend_on_past(const ReplayedBooks& books, const CommandDecided& decided,
                        const Derived& derived) {
    const auto named = hold_named(decided.command.body);
    if (!named || books.holds.find({decided.command.ledger, named->hold}) != nullptr) return false;
    const Outcome expected = derived.refusal ? derived.refusal->outcome : Outcome::hold_not_found;
    const Outcome found = decided.outcome;
    using enum Outcome;
    if (found == hold_closed || found == hold_expired)
        return expected == hold_not_found || expected == credits_frozen;
    if (found == version_mismatch) return expected == credits_frozen;
    const bool is_of_capture = std::holds_alternative<CaptureHold>(decided.command.body);
    const bool is_of_accounts = found == wrong_account || found == asset_mismatch ||
                                found == account_closed ||
                                (found == account_missing && is_of_capture);
    // The others are those of an open hold, or do not look at holds.
    return is_of_accounts && precedes(found, expected);
}

}  // namespace vouch::reconciler
