#include "tools/server/places/backup.h"

#include "command-handler/shard/kept_ends.h"
#include "events/entries/arena.h"
#include "events/entries/codec.h"
#include "events/entries/event.h"
#include "events/log/embedded/embedded_log.h"
#include "events/log/embedded/log_fill.h"
#include "events/log/scrub.h"
#include "events/log/writer_turn.h"
#include "events/seal/key_store.h"
#include "events/seal/private_file.h"
#include "events/seal/record.h"
#include "tools/server/places/backup_files.h"
#include "tools/server/places/books_log.h"
#include "tools/server/places/deployment_file.h"
#include "tools/server/places/directory_origin.h"
#include "tools/server/places/known_ends.h"
#include "tools/server/places/passphrase_file.h"
#include "tools/server/places/recovery_note.h"
#include "tools/server/places/whole_inputs.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace vouch::places {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kLog = "log";
constexpr std::string_view kEnds = "shards/ends";
constexpr std::size_t kKeyFileBytesMax = 4096;
constexpr std::size_t kTakenReadBytes = std::size_t{1} << 20;

/// A directory in the making, under a name of its own until all of it is there: what a kill leaves
/// is never taken for a backup or for books. Beside the one that it becomes; inside of it where
/// that one is there, for it may be another disk, or the only place where something may be made.
class Unfinished {
public:
    explicit Unfinished(const fs::path& directory)
        : directory_(directory.has_filename() ? directory : directory.parent_path()) {}
    Unfinished(const Unfinished&) = delete;
    Unfinished& operator=(const Unfinished&) = delete;
    ~Unfinished() {
        std::error_code ignored;
        if (is_begun_) fs::remove_all(made_, ignored);
    }

    /// `passphrase_file`, of its keys, is to stay apart from it.
    Status begin(const fs::path& passphrase_file) {
        std::error_code error;
        is_inside_ = fs::exists(directory_, error);
        if (!is_inside_ && fs::is_symlink(directory_, error)) {
            return configuration(directory_.string() + " is a link to what is not there");
        }
        made_ = is_inside_ ? directory_ / kUnfinishedSuffix
                           : fs::path(directory_.string() + std::string(kUnfinishedSuffix));
        for (const fs::path& each : {directory_, made_}) {
            if (!is_below(passphrase_file, each)) continue;
            return configuration(passphrase_file.string() +
                                 ": the passphrase file must lie outside " + each.string());
        }
        if (is_inside_ && !fs::exists(made_, error) && !is_empty_directory(directory_)) {
            return configuration(directory_.string() +
                                 ": expected a directory that is empty or not there yet");
        }
        if (is_inside_) {
            fs::permissions(directory_, fs::perms::owner_all, error);
            if (error) return storage_fault("chmod", directory_.string(), error.value());
        } else if (Status above = create_private_directories(directory_of(made_.string()));
                   !above) {
            return above;
        }
        // One of two that begin at once makes it.
        is_begun_ = fs::create_directory(made_, error);
        if (error) return storage_fault("mkdir", made_.string(), error.value());
        if (!is_begun_) {
            return configuration(made_.string() +
                                 " is what a backup or restore left that was cut off, or what one "
                                 "makes just now; when none is at work, remove it");
        }
        fs::permissions(made_, fs::perms::owner_all, error);
        if (error) return storage_fault("chmod", made_.string(), error.value());
        return create_private_directories(made_ / kLog);
    }

    const fs::path& made() const { return made_; }

    Status finish() {
        if (Status synced = sync_directory(system_files(), made_.string()); !synced) return synced;
        if (is_inside_) return move_up();
        if (Status named = rename(made_, directory_); !named) return named;
        is_begun_ = false;
        return sync_directory(system_files(), directory_of(directory_.string()));
    }

private:
    static Status rename(const fs::path& from, const fs::path& to) {
        const CallResult named = system_files().rename(from.string(), to.string());
        return named ? Status() : Status(storage_fault("rename", to.string(), named.error));
    }

    /// What says what it is comes last: without that it is nothing.
    Status move_up() {
        std::error_code error;
        std::vector<fs::path> names;
        for (const fs::directory_entry& each : fs::directory_iterator(made_, error))
            names.push_back(each.path().filename());
        std::erase(names, fs::path(kDeploymentFile));
        for (const fs::path& name : names) {
            if (Status moved = rename(made_ / name, directory_ / name); !moved) return moved;
        }
        if (Status synced = sync_directory(system_files(), directory_.string()); !synced)
            return synced;
        if (Status last = rename(made_ / kDeploymentFile, directory_ / kDeploymentFile); !last)
            return last;
        fs::remove(made_, error);
        is_begun_ = false;
        return sync_directory(system_files(), directory_.string());
    }

    fs::path directory_;
    fs::path made_;
    bool is_inside_ = false;
    bool is_begun_ = false;
};

Status write_new(const fs::path& file, std::span<const std::byte> bytes) {
    const Result<bool> written = create_private_file(file, bytes);
    if (!written) return written.error();
    if (*written) return {};
    return configuration(file.string() + ": another process made it just now");
}

/// The keys of `from` in `into`, under the passphrase of another file.
Status copy_keys(const fs::path& from, const fs::path& passphrase_file, const fs::path& into,
                 const fs::path& new_passphrase_file) {
    const Result<SecretBytes> sealed = read_private_file(from / kKeysFile, kKeyFileBytesMax);
    if (!sealed) return sealed.error();
    if (Status written = write_new(into / kKeysFile, *sealed); !written) return written;
    return FileKeyStore(into / kKeysFile, passphrase_file).change_passphrase(new_passphrase_file);
}

Result<std::unique_ptr<EmbeddedLogReader>> open_reader(const fs::path& books,
                                                       std::uint32_t shards) {
    return EmbeddedLogReader::open({.directory = (books / kLog).string(), .shard_count = shards});
}

/// How far a log goes once each of its records is verified.
Result<BackupExtent> verify_all(EmbeddedLogReader& log, const DataDirectory& data,
                                const EpochKeys& keys) {
    std::optional<std::string> wrong;
    Scrub scrub(log, data.deployment(), keys, [&](const RottenRecord& rotten) {
        if (!wrong) wrong = rotten.text();
    });
    while (scrub.rounds() == 0 && !wrong) {
        if (Status read = scrub.step(); !read) return read.error();
    }
    if (wrong) return Fault{FaultCode::corrupt, *wrong};
    BackupExtent extent;
    for (std::uint32_t shard = 0; shard < data.deployment().shards; ++shard) {
        const Result<RecordNumber> end = log.end(ShardId(shard));
        if (!end) return end.error();
        extent.ends.push_back(*end);
        extent.records += end->value();
    }
    return extent;
}

/// That no record took steps of one that is not there: brokers show shard by shard what belongs
/// together, and a copy of topics ends where each of them did.
Status check_taken(EmbeddedLogReader& log, const std::vector<RecordNumber>& ends) {
    Arena arena;
    Event event;
    for (std::uint32_t shard = 0; shard < ends.size(); ++shard) {
        std::vector<StoredRecord> stored;
        for (RecordNumber next; next < ends[shard]; next = stored.back().number.next()) {
            stored.clear();
            if (Status read = log.read_records(ShardId(shard), next, kTakenReadBytes, stored);
                !read)
                return read;
            if (stored.empty()) return Fault{FaultCode::corrupt, "the copy ends before its end"};
            for (const StoredRecord& each : stored) {
                const Result<RecordView> record = parse_record(each.bytes);
                if (!record) return record.error();
                EventReader events(record->body);
                for (auto bytes = events.next(); bytes && *bytes; bytes = events.next()) {
                    arena.clear();
                    if (!decode_event(**bytes, arena, event)) continue;
                    const auto* const taken = std::get_if<StepsTaken>(&event);
                    if (taken == nullptr || taken->from.value() >= ends.size() ||
                        taken->record < ends[taken->from.value()]) {
                        continue;
                    }
                    return Fault{FaultCode::retriable,
                                 record_name(ShardId(shard), each.number) +
                                     " took steps of a record that was not shown yet: try again"};
                }
            }
        }
    }
    return {};
}

/// Whether `file` seals these ends.
bool has_ends(const fs::path& file, const EpochKeys& keys, const std::vector<RecordNumber>& ends) {
    for (std::uint32_t shard = 0; shard < ends.size(); ++shard) {
        const auto kept = command_handler::KeptEnds::read(file, keys, ShardId(shard));
        if (!kept || !*kept || (*kept)->next_record != ends[shard]) return false;
    }
    return true;
}

/// Beside the log, sealed, as its writer does: who cuts the copy's end off is found out.
Status keep_ends(const EpochKeys& keys, const std::vector<RecordNumber>& ends,
                 const fs::path& into) {
    if (Status made = create_private_directories((into / kEnds).parent_path()); !made) return made;
    std::vector<std::string> warnings;
    const auto count = static_cast<std::uint32_t>(ends.size());
    const auto log = open_reader(into, count);
    if (!log) return log.error();
    const fs::path file = into / kEnds;
    auto kept = command_handler::KeptEnds::open(file, keys, count, warnings);
    if (!kept) return kept.error();
    for (std::uint32_t shard = 0; shard < count; ++shard) {
        if (ends[shard] == RecordNumber(0)) {
            (*kept)->note(ShardId(shard), {ends[shard], Digest{}});
            continue;
        }
        std::vector<StoredRecord> last;
        const RecordNumber number(ends[shard].value() - 1);
        if (Status read = (*log)->read_records(ShardId(shard), number, 1, last); !read) return read;
        if (last.empty()) {
            return Fault{FaultCode::corrupt, (into / kLog).string() +
                                                 " ends before what was read there just now"};
        }
        const Result<RecordView> record = parse_record(last.front().bytes);
        if (!record) return record.error();
        (*kept)->note(ShardId(shard), {ends[shard], record->digest});
    }
    // Its end writes them, and only tells people when it cannot.
    kept->reset();
    return has_ends(file, keys, ends)
               ? Status()
               : Status(Fault{FaultCode::storage, file.string() + " could not be written"});
}

Status check_whole(const DataDirectory& data, LogReader& log, const EpochKeys& keys) {
    const Result<std::optional<std::string>> unreadable = unreadable_end(data, log, keys);
    if (!unreadable) return unreadable.error();
    return *unreadable ? Status(Fault{FaultCode::corrupt, **unreadable}) : Status();
}

Status copy_files(const DataDirectory& data, const EpochKeys& keys, const fs::path& into) {
    const auto log = open_reader(data.directory(), data.deployment().shards);
    if (!log) return log.error();
    if (Status whole = check_whole(data, **log, keys); !whole) return whole;
    return (*log)->copy_to(into.string());
}

Status copy_topics(const DataDirectory& data, const EpochKeys& keys, const FindCut& find_cut,
                   const fs::path& into) {
    const Result<std::unique_ptr<LogReader>> log = read_log(data, &keys);
    if (!log) return log.error();
    if (Status whole = check_whole(data, **log, keys); !whole) return whole;
    for (const auto& next : whole_positions(**log, data.deployment(), keys)) {
        if (!next) return next.error();
    }
    const Result<std::vector<RecordNumber>> ends = find_cut(**log);
    if (!ends) return ends.error();
    return fill_log(**log, *ends, into.string());
}

/// The log of `data` in `into`, read back; each record is verified there, and no witness made.
Result<BackupExtent> copy_verified(const DataDirectory& data, const EpochKeys& keys,
                                   const FindCut& find_cut, const fs::path& into) {
    const Status copied = data.kafka() ? copy_topics(data, keys, find_cut, into / kLog)
                                       : copy_files(data, keys, into / kLog);
    if (!copied) return copied.error();
    const Result<std::unique_ptr<EmbeddedLogReader>> copy =
        open_reader(into, data.deployment().shards);
    if (!copy) return copy.error();
    Result<BackupExtent> extent = verify_all(**copy, data, keys);
    if (!extent) return extent;
    if (data.kafka()) {
        if (Status taken = check_taken(**copy, extent->ends); !taken) return taken.error();
    }
    return extent;
}

/// Seals the ends of the copy in `made` as far as those who have seen the log of `data` know that
/// nothing is missing there; gives why they do not.
Result<std::string> seal_ends(const DataDirectory& data, const EpochKeys& keys,
                              const std::vector<RecordNumber>& ends, const fs::path& made) {
    const auto copy = open_reader(made, static_cast<std::uint32_t>(ends.size()));
    if (!copy) return copy.error();
    Result<std::string> doubt = doubt_about_ends(data, **copy, keys);
    if (!doubt || !doubt->empty()) return doubt;
    if (Status kept = keep_ends(keys, ends, made); !kept) return kept.error();
    return doubt;
}

std::uint64_t bytes_of(const fs::path& folder) {
    std::uint64_t bytes = 0;
    std::error_code ignored;
    for (const fs::directory_entry& each : fs::directory_iterator(folder, ignored))
        bytes += each.file_size(ignored);
    return bytes;
}

}  // namespace

Result<BackupExtent> back_up(const DataDirectory& data, const fs::path& folder,
                             const fs::path& passphrase_file, const FindCut& find_cut) {
    const Result<std::optional<RecoveryNote>> recovery = read_recovery_note(data.directory());
    if (!recovery) return recovery.error();
    if (*recovery) {
        return configuration(
            data.directory().string() +
            ": a recovery was begun and is not finished; vouch recover finishes it");
    }
    if (is_below(folder, data.directory())) {
        return configuration(folder.string() +
                             " would lie in the data directory; expected a folder elsewhere");
    }
    if (is_below(passphrase_file, data.directory())) {
        return configuration(passphrase_file.string() +
                             ": the passphrase file must lie outside the data directory");
    }
    const Result<EpochKeys> keys = data.keys();
    if (!keys) return keys.error();
    Unfinished backup(folder);
    if (Status begun = backup.begin(passphrase_file); !begun) return begun.error();
    const fs::path& made = backup.made();
    if (Status copied = copy_keys(data.directory(), data.passphrase_file(), made, passphrase_file);
        !copied) {
        return copied.error();
    }
    if (Status noted = note_restored(data, made); !noted) return noted.error();
    Result<BackupExtent> extent = copy_verified(data, *keys, find_cut, made);
    if (!extent) return extent.error();
    Result<std::string> doubt = seal_ends(data, *keys, extent->ends, made);
    if (!doubt) return doubt.error();
    extent->end_doubt = std::move(*doubt);
    extent->log_bytes = bytes_of(made / kLog);
    if (Status written = write_new(made / kDeploymentFile, data.deployment_bytes()); !written)
        return written.error();
    const Result<std::string> sums = sums_of(made);
    if (!sums) return sums.error();
    if (Status written = write_new(made / kSumsFile, std::as_bytes(std::span(*sums))); !written)
        return written.error();
    // One sum of bytes that were read wrongly, and it is never restored.
    if (Status right = check_sums(made); !right) return right.error();
    if (Status finished = backup.finish(); !finished) return finished.error();
    return extent;
}

Result<BackupExtent> restore(const fs::path& folder, const fs::path& passphrase_file,
                             const DataOptions& options, SealedEnd end) {
    if (is_below(options.directory, folder)) {
        return configuration(options.directory.string() +
                             " would lie in the backup; expected a directory elsewhere");
    }
    if (!options.passphrase_file.empty() && is_below(options.passphrase_file, folder)) {
        return configuration(options.passphrase_file.string() +
                             ": the passphrase file must lie outside the backup");
    }
    std::error_code error;
    if (!fs::exists(passphrase_file, error) && !error) {
        return configuration(passphrase_file.string() +
                             ": the passphrase of the backup's keys is not there; name the file "
                             "that holds it with --backup-passphrase-file");
    }
    if (Status right = check_sums(folder); !right) return right.error();
    DataOptions as_backup;
    as_backup.directory = folder;
    as_backup.passphrase_file = passphrase_file;
    const Result<DataDirectory> backup = DataDirectory::open(as_backup);
    if (!backup) return backup.error();
    const Result<EpochKeys> keys = backup->keys();
    if (!keys) return keys.error();
    const Result<fs::path> own =
        places::passphrase_file(options.passphrase_file, backup->deployment().id);
    if (!own) return own.error();
    Unfinished books(options.directory);
    if (Status begun = books.begin(*own); !begun) return begun.error();
    const fs::path& into = books.made();
    if (Status copied = copy_keys(folder, passphrase_file, into, *own); !copied)
        return copied.error();
    if (Status noted = note_restored(*backup, into); !noted) return noted.error();
    if (Status there = create_private_directories(into / "views"); !there) return there.error();
    Result<BackupExtent> extent = copy_verified(*backup, *keys, {}, into);
    if (!extent) return extent.error();
    // Who cuts a backup's end off can write its sums, but no seal.
    Result<std::string> doubt = seal_ends(*backup, *keys, extent->ends, into);
    if (!doubt) return doubt.error();
    if (!doubt->empty() && end == SealedEnd::demanded) {
        return Fault{FaultCode::corrupt,
                     "nobody has sealed that the backup ends where its log does: " + *doubt +
                         "; vouch restore --accept-unsealed-end takes what is there"};
    }
    extent->end_doubt = std::move(*doubt);
    extent->log_bytes = bytes_of(into / kLog);
    // Last, as when books are made: without it they are none.
    if (Status written = write_new(into / kDeploymentFile, backup->deployment_bytes()); !written)
        return written.error();
    if (Status finished = books.finish(); !finished) return finished.error();
    return extent;
}

}  // namespace vouch::places
