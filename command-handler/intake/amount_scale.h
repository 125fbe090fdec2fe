#pragma once

#include "command-handler/intake/directory.h"
#include "command-handler/intake/malformed.h"
#include "events/money/amount.h"
#include "events/money/asset.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace vouch::command_handler {

/// An amount of a command as it was written, and what is known of the account it is for.
struct WrittenAmount {
    std::string_view text;
    AccountFact account;
    Amount amount;  ///< filled in by read_amounts
};

/// The amounts of a command could be read.
struct AmountsRead {
    /// What the command must carry as `amount_decimals`; empty when every scale is certain.
    std::optional<Scale> decimals;
};
/// The amount at `position` is wrong; `detail` says what was expected.
struct AmountWrong {
    std::size_t position = 0;
    std::string detail;
};
/// What earlier lines say must become certain first.
struct AmountsUncertain {};

/// Reads all amounts of one command, each at the scale of its account (validation.h says how).
std::variant<AmountsRead, AmountWrong, AmountsUncertain> read_amounts(
    std::span<WrittenAmount> amounts);

}  // namespace vouch::command_handler
