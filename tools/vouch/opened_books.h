#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "tools/vouch/data_directory.h"

#include <filesystem>
#include <memory>

namespace vouch::cli {

/// Books opened for the one process that works on them, wherever their log is kept: what a handler
/// and a projector need, and nothing of where it came from.
struct OpenedBooks {
    Deployment deployment;
    EpochKeys keys;
    std::unique_ptr<Log> log;
    std::filesystem::path directory;  ///< local state: lock and address of a server
    std::filesystem::path shards;     ///< the command handler's own
    std::filesystem::path views;      ///< the projector's own
};

/// From a data directory, made when `options.create` says so; tells people of new books and of a
/// log that ended in an unfinished write. `fenced` while another process has them.
Result<OpenedBooks> open_books(const DataOptions& options);

}  // namespace vouch::cli
