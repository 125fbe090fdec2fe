#pragma once

#include "projector/views/view_store.h"

#include <rocksdb/env.h>
#include <rocksdb/options.h>

namespace vouch::projector {

/// Loads that are not merged yet and that a reader has to look into, at most; then loading waits.
constexpr int kUnmergedFilesMax = 64;

/// How a view's database is opened. `env` outlives it.
rocksdb::Options database_options(const ViewStoreOptions& settings, rocksdb::Env* env);

/// How the files of a bulk load are written, of a database with these options.
rocksdb::Options load_options(const rocksdb::Options& database);

/// As of a snapshot; null: now.
rocksdb::ReadOptions read_options(const rocksdb::Snapshot* snapshot);

}  // namespace vouch::projector
