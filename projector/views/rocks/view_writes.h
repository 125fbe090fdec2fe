#pragma once

#include "projector/views/newest_history.h"
#include "projector/views/rocks/rocks_view_store.h"
#include "projector/views/view_store.h"

#include <memory>

namespace vouch::projector {

// What is given outlives the write.

/// Rows that go through the memtable.
std::unique_ptr<ViewWrite> begin_batch(RocksViewStore& store, NewestHistory& newest);

/// A bulk load: rows of kinds that are only appended go straight into files of their own, the
/// others are gathered, sorted, and written into one more at the end, the position among them.
std::unique_ptr<ViewWrite> begin_bulk(RocksViewStore& store, NewestHistory& newest);

}  // namespace vouch::projector
