#pragma once

#include "events/money/ids.h"
#include "events/money/text_ids.h"

#include <string_view>

namespace vouch::test {

/// The ids that stand for these texts. Of no text at all: std::bad_optional_access.
inline AccountId account_named(std::string_view name, LedgerId ledger = {}) {
    const TextId id = parse_account_id(name, ledger).value();
    return {id.high, id.low};
}
inline CommandId command_named(std::string_view name) {
    const TextId id = parse_command_id(name).value();
    return {id.high, id.low};
}

}  // namespace vouch::test
