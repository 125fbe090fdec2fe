#include "tools/server/places/creation_note.h"

#include "events/log/embedded/embedded_log.h"
#include "tools/server/places/data_directory.h"
#include "tools/server/places/deployment_file.h"
#include "tools/terminal/say.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

// creation = "vouch creation 1\n" path of the passphrase file
// Less of it was written before anything was made.

namespace vouch::places {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kFile = "creation";
constexpr std::string_view kTitle = "vouch creation 1\n";
constexpr std::string_view kPassphraseEnd = ".passphrase";

/// Locked, and named by its path still; `retriable` while somebody else has it.
Result<File> take(const fs::path& directory, int flags) {
    Result<File> file = File::open(system_files(), (directory / kFile).string(), flags);
    if (!file) return file;
    const Result<bool> is_mine = file->lock();
    if (!is_mine) return is_mine.error();
    if (!*is_mine || !file->check_named())
        return Fault{FaultCode::retriable,
                     "another process makes books in " + directory.string() + " just now"};
    return file;
}

/// The passphrase file that a note names; empty when it names none that we make.
Result<fs::path> noted_passphrase(const fs::path& note) {
    const Result<std::vector<std::byte>> bytes = read_small_file(note);
    if (!bytes) return bytes.error();
    std::string text;
    for (const std::byte byte : *bytes) text.push_back(static_cast<char>(byte));
    if (kTitle.starts_with(text)) return fs::path();
    if (!text.starts_with(kTitle))
        return configuration(note.string() + " is no note of a creation; move it aside");
    fs::path file = text.substr(kTitle.size());
    return file.filename().string().ends_with(kPassphraseEnd) ? file : fs::path();
}

/// Whether the log has records that can be read: then its books were made, whatever the note says.
bool holds_records(const fs::path& log) {
    const Result<std::unique_ptr<EmbeddedLogReader>> reader =
        EmbeddedLogReader::open({.directory = log.string()});
    if (!reader) return false;
    for (std::uint32_t shard = 0; shard < (*reader)->shard_count(); ++shard) {
        const Result<RecordNumber> end = (*reader)->end(ShardId(shard));
        if (!end || end->value() > 0) return true;
    }
    return false;
}

/// A file, and what its writing left beside it under a name that begins with its own.
void remove_with_parts(const fs::path& file) {
    std::error_code ignored;
    const std::string name = file.filename().string();
    std::vector<fs::path> found;
    for (const fs::directory_entry& each : fs::directory_iterator(file.parent_path(), ignored)) {
        const std::string other = each.path().filename().string();
        if (other == name || other.starts_with(name + ".")) found.push_back(each.path());
    }
    for (const fs::path& each : found) fs::remove(each, ignored);
}

}  // namespace

Result<CreationNote> CreationNote::begin(const fs::path& directory,
                                         const fs::path& passphrase_file) {
    Result<File> file = take(directory, O_RDWR | O_CREAT);
    if (!file) return file.error();
    CreationNote note(std::move(*file));
    std::error_code ignored;
    const std::string text =
        std::string(kTitle) + fs::absolute(passphrase_file, ignored).string();
    if (Status written = note.file_->write(std::as_bytes(std::span(text)), 0); !written)
        return written.error();
    if (Status synced = note.file_->fsync(); !synced) return synced.error();
    if (Status synced = sync_directory(system_files(), directory.string()); !synced)
        return synced.error();
    return note;
}

CreationNote::~CreationNote() {
    if (file_) (void)forget_creation(fs::path(file_->path()).parent_path());
}

Status forget_creation(const fs::path& directory) {
    std::error_code error;
    if (!fs::remove(directory / kFile, error) && !error) return {};
    if (error)
        return Fault{FaultCode::storage, (directory / kFile).string() + ": " + error.message()};
    return sync_directory(system_files(), directory.string());
}

bool was_creation_cut(const fs::path& directory) {
    std::error_code ignored;
    return fs::exists(directory / kFile, ignored);
}

Status clear_creation(const fs::path& directory) {
    const Result<File> note = take(directory, O_RDWR);
    if (!note) return note.error();
    if (has_books(directory))
        return Fault{FaultCode::retriable,
                     "another process made books in " + directory.string() + " just now"};
    const Result<fs::path> passphrase = noted_passphrase(directory / kFile);
    if (!passphrase) return passphrase.error();
    if (holds_records(directory / "log")) return without_deployment(directory);
    terminal::say(directory.string() +
                  ": an earlier creation of books was cut off here; what it left is removed");
    if (!passphrase->empty()) remove_with_parts(*passphrase);
    remove_with_parts(directory / "keys");
    remove_with_parts(directory / kDeploymentFile);
    std::error_code error;
    for (const std::string_view made : {"log", "shards", "views"}) {
        const fs::path folder = directory / made;
        fs::remove_all(folder, error);
        if (error) return Fault{FaultCode::storage, folder.string() + ": " + error.message()};
    }
    return forget_creation(directory);
}

}  // namespace vouch::places
