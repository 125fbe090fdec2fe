#pragma once

#include "events/log/log.h"
#include "tests/model/shard_books.h"

namespace vouch::test {

/// Takes every event of the log into `books`, shards in turn, each record after those whose steps
/// it takes. False when a record takes steps of one that is not there. The chain is others' to
/// verify.
bool take_logs(LogReader& log, ShardBooks& books);

}  // namespace vouch::test
