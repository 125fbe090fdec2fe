#pragma once

#include "tests/support/ledger.h"

#include <cstdint>
#include <memory>

namespace vouch::test {

/// The decision core without its handler: commands go in as a CommandBatch's bytes and events come
/// out as bytes, so that the codec is in the way too. Shard 0 of `shards`.
std::unique_ptr<Ledger> make_core_ledger(std::uint32_t shards = 1);

}  // namespace vouch::test
