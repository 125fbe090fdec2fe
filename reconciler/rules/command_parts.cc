#include "reconciler/rules/command_parts.h"

#include <variant>

namespace vouch::reconciler {

CommandId hold_of(const CommandBody& body) {
    if (const auto* capture = std::get_if<CaptureHold>(&body)) return capture->hold;
    if (const auto* release = std::get_if<ReleaseHold>(&body)) return release->hold;
    if (const auto* extend = std::get_if<ExtendHold>(&body)) return extend->hold;
    return {};
}

CommandId entry_of(const CommandBody& body) {
    if (const auto* reverse = std::get_if<Reverse>(&body)) return reverse->entry;
    if (const auto* refund = std::get_if<Refund>(&body)) return refund->entry;
    return {};
}

bool is_reversal(const CommandBody& body) {
    return std::holds_alternative<Reverse>(body) || std::holds_alternative<Refund>(body);
}

}  // namespace vouch::reconciler
