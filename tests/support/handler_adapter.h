#pragma once

#include "tests/support/ledger.h"

#include <cstdint>
#include <memory>

namespace vouch::test {

/// A whole command handler over the simulated log: its loops, facts from the shard stores, sealed
/// records and all. What `books` and `take_effects` tell is read from the log's records, whose MAC
/// chains are verified on the way.
///
/// Over one shard `play` sends a batch in pieces without waiting between them; over several it
/// sends each command when everything before it is final, steps included, to its own shard or where
/// `enter_at` says. Steps cannot be held back. `restart` stops the handler and starts another on
/// the same log: in turn with all that it kept beside the log, without its snapshots, and with
/// nothing but the log. Throws std::runtime_error when the handler stops by itself, when a record
/// does not verify, or when a repeat names another event than the first time.
std::unique_ptr<Ledger> make_handler_ledger(std::uint32_t shards = 1);

}  // namespace vouch::test
