#pragma once

#include "tests/model/shard_books.h"

#include <optional>
#include <string>

namespace vouch::test {

/// Plays what the shards accepted on the one-shard model, in the order in which they decided, and
/// compares every balance and every open hold. Empty when they agree; else the first difference.
///
/// What a shard refuses for the state of an account (limits, freezes, closing) depends on what is
/// under way, so the model's accounts are all open and without limit here; and what is held at one
/// moment on its order, so sums have no range. The model says whether what was accepted fits
/// together (no more captured than was held, nothing refunded twice) and where it must lead. All
/// must be at rest. Says nothing of books in which holds were cut.
std::optional<std::string> find_difference_of_accepted(const ShardBooks& shards);

}  // namespace vouch::test
