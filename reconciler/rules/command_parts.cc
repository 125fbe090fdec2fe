#include "reconciler/rules/command_parts.h"

#include <variant>

namespace vouch::reconciler {

CommandId hold_of(const CommandBody& body) {
    return std::visit(
        [](const auto& each) {
            if constexpr (requires { each.hold; }) {
                return each.hold;
            } else {
                return CommandId();
            }
        },
        body);
}

CommandId entry_of(const CommandBody& body) {
    return std::visit(
        [](const auto& each) {
            if constexpr (requires { each.entry; }) {
                return each.entry;
            } else {
                return CommandId();
            }
        },
        body);
}

bool is_reversal(const CommandBody& body) {
    return std::holds_alternative<Reverse>(body) || std::holds_alternative<Refund>(body);
}

}  // namespace vouch::reconciler
