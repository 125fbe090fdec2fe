#pragma once

#include "events/log/log.h"

#include <cstdint>
#include <vector>

namespace vouch::test {

/// Commands that follow each other, a batch each, where random ones seldom do: groups that fail
/// behind captures or by a conflict, with members that are sent again alone, refunds and captures
/// that are refused elsewhere, and amounts for which accounts have hardly room. On the accounts of
/// MixedLoad; `number` makes their ids and all else.
std::vector<Bytes> make_sequence(std::uint64_t number, std::uint32_t shards);

}  // namespace vouch::test
