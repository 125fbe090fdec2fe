#pragma once

#include "tests/projector/memory_log.h"
#include "tests/projector/random_books.h"

namespace vouch::test {

/// Goes one step on with what crosses shards, if there is anything to do on this writer's shard:
/// sends something, follows what another shard sent, or takes its answer. What is sent or answered
/// must be in a sealed record before the other shard sees it.
void make_crossing(RandomBooks& books, RecordWriter& writer);

}  // namespace vouch::test
