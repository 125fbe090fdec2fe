#include "tools/server/places/opened_books.h"

#include "events/log/verified_reader.h"
#include "tools/server/places/backup_files.h"
#include "tools/server/places/books_log.h"
#include "tools/server/places/creation_note.h"
#include "tools/server/places/directory_origin.h"
#include "tools/server/places/recovery_note.h"
#include "tools/terminal/say.h"

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace vouch::places {

namespace {

void tell_of_new_books(const DataDirectory& data, const DataOptions& options) {
    terminal::say("new books in " + options.directory.string() + ": deployment " +
                  id_text(data.deployment().id) + ", " + std::to_string(data.deployment().shards) +
                  (data.deployment().shards == 1 ? " shard" : " shards") +
                  (data.deployment().test_clock ? ", test clock" : ""));
    terminal::say("the passphrase of their keys is in " + data.passphrase_file().string() +
                  "; keep a copy: without it the keys are lost");
}

/// Nobody writes while a recovery is under way.
Status check_no_recovery(const std::filesystem::path& directory) {
    const Result<std::optional<RecoveryNote>> recovery = read_recovery_note(directory);
    if (!recovery) return recovery.error();
    if (!*recovery) return {};
    return Fault{FaultCode::configuration,
                 directory.string() +
                     ": a recovery was begun and is not finished; vouch recover finishes it"};
}

/// A process that is told to end gives its requests ten seconds, and ends soon behind them.
constexpr std::chrono::seconds kShardsWaitMax{30};

/// The log of `data` for its one writer.
Result<std::unique_ptr<Log>> open_writer(const DataDirectory& data, const EpochKeys& keys) {
    std::string torn;
    Result<std::unique_ptr<Log>> log = open_log(data, keys, &torn);
    if (log && !torn.empty()) {
        terminal::say("the log ended in an unfinished write, which was never acknowledged; cut " +
                      torn);
    }
    return log;
}

/// Whoever may write in it may take any file away and put another one there.
void warn_of_open_directory(const std::filesystem::path& directory) {
    namespace fs = std::filesystem;
    std::error_code unknown;
    const fs::perms mode = fs::status(directory, unknown).permissions();
    if (unknown || (mode & (fs::perms::group_write | fs::perms::others_write)) == fs::perms::none)
        return;
    terminal::say("others than its owner may write in " + directory.string() +
                  ", and so take the books' files away: chmod 0700 it");
}

}  // namespace

Result<OpenedBooks> open_books(const DataOptions& options, BooksUse use) {
    Result<DataDirectory> data = DataDirectory::open(options);
    if (!data) return data.error();
    if (Status books = check_no_backup(options.directory); !books) return books.error();
    if (data->is_new()) tell_of_new_books(*data, options);
    Result<EpochKeys> keys = data->keys();
    if (!keys) return keys.error();
    OpenedBooks books{.deployment = data->deployment(),
                      .keys = std::move(*keys),
                      .log = nullptr,
                      .instance = {},
                      .directory = options.directory,
                      .shards = data->shards(),
                      .views = data->views()};
    if (use == BooksUse::read) {
        Result<std::unique_ptr<LogReader>> log = read_log(*data, &books.keys);
        if (!log) return log.error();
        books.log = std::move(*log);
        const Status right = check_genesis(*books.log, books.deployment, books.keys);
        if (!right) return right.error();
        return books;
    }
    warn_of_open_directory(options.directory);
    if (Status none = check_no_recovery(options.directory); !none) return none.error();
    if (Status original = check_is_original(*data); !original) return original.error();
    if (Status forgotten = forget_creation(options.directory); !forgotten) return forgotten.error();
    Result<std::string> instance = data->instance();
    if (!instance) return instance.error();
    books.instance = std::move(*instance);
    // Before it comes to the brokers: under the same name it would put the other process out, and
    // then find its files in use.
    Result<std::optional<FileLock>> lock = lock_shards(*data);
    if (!lock) return lock.error();
    if (*lock) books.shards_lock.emplace(std::move(**lock));
    Result<std::unique_ptr<Log>> log = open_writer(*data, books.keys);
    if (!log) return log.error();
    // Again with the log in hand: a recovery gives it back between its steps.
    if (Status none = check_no_recovery(options.directory); !none) return none.error();
    // What it is for is not worth a start that fails.
    if (Status noted = note_origin(*data); !noted)
        terminal::say("a copy of these books cannot be told from them: " + noted.error().message);
    books.writer = log->get();
    books.files = dynamic_cast<EmbeddedLog*>(books.writer);
    books.log = std::move(*log);
    // Whether the keys and the deployment are the log's, the handler's start says.
    return books;
}

Result<std::optional<FileLock>> lock_shards(const DataDirectory& data) {
    if (!data.deployment().kafka) return std::optional<FileLock>();
    const std::filesystem::path shards = data.shards();
    std::error_code error;
    std::filesystem::create_directories(shards, error);
    if (error) return Fault{FaultCode::storage, shards.string() + ": " + error.message()};
    Result<FileLock> lock =
        FileLock::take(shards / "lock", kShardsWaitMax,
                       "another process has the books open; try again when it is done");
    if (!lock) return lock.error();
    return std::optional<FileLock>(std::move(*lock));
}

command_handler::HandlerOptions handler_options(const OpenedBooks& books,
                                                const DataOptions& options) {
    command_handler::HandlerOptions with;
    with.directory = books.shards;
    if (!options.accept_clock.empty()) with.accept_clock = options.accept_clock;
    with.writer = books.instance;
    with.program = VOUCH_VERSION;
    // Steps in files are there as soon as the record that they came with is durable.
    if (books.files != nullptr) with.bounds.steps_late_us = 1'000'000;
    return with;
}

}  // namespace vouch::places
