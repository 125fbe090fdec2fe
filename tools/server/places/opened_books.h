#pragma once

#include "command-handler/shard/handler_options.h"
#include "events/log/embedded/embedded_log.h"
#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "tools/server/places/data_directory.h"
#include "tools/server/places/file_lock.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace vouch::places {

/// Whether a process takes commands into the books, as one at a time may, or only reads them.
enum class BooksUse { write, read };

/// Books opened to work on them, wherever their log is kept: what a handler and a projector need,
/// and nothing of where it came from.
struct OpenedBooks {
    Deployment deployment;
    EpochKeys keys;
    std::optional<FileLock> shards_lock{};  ///< of a writer on brokers; a log in files has its own
    std::unique_ptr<LogReader> log;
    Log* writer = nullptr;            ///< the log, unless it was opened only to read
    EmbeddedLog* files = nullptr;     ///< the writer, where it may wait for room on a disk
    std::string instance;             ///< of the directory; only where there is a writer
    std::filesystem::path directory;  ///< local state: lock and address of a server
    std::filesystem::path shards;     ///< the command handler's own
    std::filesystem::path views;      ///< the projector's own
};

/// From a data directory, made when `options.create` says so; tells people of new books and of a
/// log that ended in an unfinished write. To write, `retriable` or `fenced` while another process
/// has them.
Result<OpenedBooks> open_books(const DataOptions& options, BooksUse use = BooksUse::write);

/// The command handler's files of books on brokers, which one process at a time has; nothing where
/// the log is in files, which has a lock of its own. Waits for another one; then `retriable`.
Result<std::optional<FileLock>> lock_shards(const DataDirectory& data);

/// With what their handler is started.
command_handler::HandlerOptions handler_options(const OpenedBooks& books,
                                                const DataOptions& options);

}  // namespace vouch::places
