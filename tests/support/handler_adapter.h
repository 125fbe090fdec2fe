#pragma once

#include "tests/support/ledger.h"

#include <memory>

namespace vouch::test {

/// A whole command handler of one shard over the simulated log: its loop, facts from the shard
/// store, sealed records and all. What `books` and `take_effects` tell is read from the log's
/// records, whose MAC chain is verified on the way.
///
/// `play` sends a batch in pieces without waiting between them. `restart` stops the handler and
/// starts another on the same log: in turn with all that it kept beside the log, without its
/// snapshots, and with nothing but the log. Throws std::runtime_error when the handler stops by
/// itself, when a record does not verify, or when a repeat names another event than the first time.
std::unique_ptr<Ledger> make_handler_ledger();

}  // namespace vouch::test
