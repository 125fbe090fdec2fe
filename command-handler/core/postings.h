#pragma once

#include "command-handler/core/deciding.h"

#include <span>

namespace vouch::command_handler {

/// For entries of any number of postings, which may name an account several times. `amounts[i]` is
/// posted to `parties[i]` on its side.

/// Of accounts that are all here.
bool refuse_unbalanced(Deciding& deciding, std::span<const Party> parties,
                       std::span<const Amount> amounts);

/// insufficient_funds, then amount_overflow: each account as it is after its last posting. Accounts
/// of other shards are left out.
bool refuse_limits(Deciding& deciding, std::span<const Party> parties,
                   std::span<const Amount> amounts);

/// One change for each posting, in order. Limits and overflow must have been checked.
std::span<const Change> post_all(Deciding& deciding, std::span<const Party> parties,
                                 std::span<const Amount> amounts);

}  // namespace vouch::command_handler
