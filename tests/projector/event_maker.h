#pragma once

#include "tests/projector/memory_log.h"
#include "tests/projector/random_books.h"

namespace vouch::test {

/// Adds one random event to the shard's record, if the books have what it needs, and notes what it
/// means in the books' lists.
void make_event(RandomBooks& books, RecordWriter& writer);

}  // namespace vouch::test
