#include "tools/server/places/creation_note.h"

#include "events/money/ids.h"
#include "events/money/text_ids.h"
#include "events/seal/key_store.h"
#include "tools/server/places/data_directory.h"
#include "tools/server/places/deployment_file.h"
#include "tools/server/places/passphrase_file.h"
#include "tools/terminal/say.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <vector>

// creation = "vouch creation 1\n" path of the passphrase file
// Less of it, or zeros after a power loss, was written before anything was made.

namespace vouch::places {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kFile = "creation";
constexpr std::string_view kNoteTitle = "vouch creation 1\n";

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

/// Whether the directory holds nothing but its note.
bool is_alone(const fs::path& directory) {
    std::error_code error;
    const fs::directory_iterator entries(directory, error);
    return !error && std::distance(begin(entries), end(entries)) == 1;
}

/// Books in the making, as their note tells of them.
struct Begun {
    fs::path passphrase;  ///< empty: the note itself was not finished, and nothing else is there
};

/// The deployment whose own passphrase file that is.
std::optional<DeploymentId> deployment_of(const fs::path& passphrase) {
    const std::string name = passphrase.filename().string();
    const std::optional<TextId> id = parse_command_id(name.substr(0, name.find('.')));
    if (!id) return std::nullopt;
    const DeploymentId deployment(id->high, id->low);
    if (!passphrase.is_absolute() || name != own_passphrase_name(deployment)) return std::nullopt;
    return deployment;
}

/// Empty when the note is none of ours, or what is there is not what it tells of: somebody else's,
/// for all that is known.
std::optional<Begun> read_note(const fs::path& directory) {
    std::error_code error;
    if (!fs::is_regular_file(directory / kFile, error)) return std::nullopt;
    // Before it is read: whoever makes more at this moment has written it by then.
    const bool has_nothing_else = is_alone(directory);
    const Result<std::vector<std::byte>> bytes = read_small_file(directory / kFile);
    if (!bytes) return std::nullopt;
    std::string text;
    for (const std::byte byte : *bytes) text.push_back(static_cast<char>(byte));
    text.erase(text.find_last_not_of('\0') + 1);
    const std::optional<Begun> unfinished =
        has_nothing_else ? std::optional(Begun()) : std::nullopt;
    if (kNoteTitle.starts_with(text)) return unfinished;
    if (!text.starts_with(kNoteTitle)) return std::nullopt;
    const fs::path passphrase = text.substr(kNoteTitle.size());
    const std::optional<DeploymentId> deployment = deployment_of(passphrase);
    if (!deployment) return unfinished;
    const fs::path keys = directory / "keys";
    const bool has_none = !fs::exists(keys, error) && !error;
    if (!has_none && !FileKeyStore(keys, passphrase).check_of(*deployment)) return std::nullopt;
    return Begun{passphrase};
}

/// That nobody else has put there what says what is to be removed.
Status check_ours(const fs::path& directory) {
    const fs::path note = directory / kFile;
    for (const fs::path& each : {directory, note}) {
        struct stat found {};
        const bool is_ours = ::stat(each.c_str(), &found) == 0 && found.st_uid == ::geteuid() &&
                             (found.st_mode & (S_IWGRP | S_IWOTH)) == 0;
        if (is_ours) continue;
        return configuration(note.string() +
                             " tells of a creation that was cut off, but may be somebody else's: " +
                             each.string() +
                             " is of another user, or others may write to it. Nothing was removed; "
                             "remove yourself what is not needed, or make the books elsewhere");
    }
    return {};
}

/// Whether it was written after the note, as what a creation makes. In a copy of its directory the
/// note is the newer one: nobody sets when a file was changed last.
bool was_made_after(const fs::path& note, const fs::path& file) {
    struct stat noted {};
    struct stat found {};
    if (::stat(note.c_str(), &noted) != 0 || ::lstat(file.c_str(), &found) != 0) return false;
    return S_ISREG(found.st_mode) && found.st_uid == ::geteuid() &&
           std::tie(found.st_mtim.tv_sec, found.st_mtim.tv_nsec) >=
               std::tie(noted.st_ctim.tv_sec, noted.st_ctim.tv_nsec);
}

/// A file, and what create_private_file left beside it: NAME.NUMBER.
std::vector<fs::path> with_parts(const fs::path& file) {
    std::error_code ignored;
    const std::string name = file.filename().string();
    const auto is_part = [&](const std::string& other) {
        return other.size() > name.size() + 1 && other.starts_with(name + ".") &&
               other.find_first_not_of("0123456789", name.size() + 1) == std::string::npos;
    };
    std::vector<fs::path> found;
    for (const fs::directory_entry& each : fs::directory_iterator(file.parent_path(), ignored)) {
        const std::string other = each.path().filename().string();
        if (other == name || is_part(other)) found.push_back(each.path());
    }
    return found;
}

void remove_with_parts(const fs::path& file) {
    std::error_code ignored;
    for (const fs::path& each : with_parts(file)) fs::remove(each, ignored);
}

/// Without it books are lost: one that may open any is left, and named.
void remove_passphrase(const fs::path& passphrase, const fs::path& note) {
    std::error_code ignored;
    for (const fs::path& each : with_parts(passphrase)) {
        if (was_made_after(note, each)) {
            fs::remove(each, ignored);
        } else {
            terminal::say(each.string() + ": that creation did not make it; it stays");
        }
    }
}

}  // namespace

Result<CreationNote> CreationNote::begin(const fs::path& directory,
                                         const fs::path& passphrase_file) {
    Result<File> file = take(directory, O_RDWR | O_CREAT);
    if (!file) return file.error();
    CreationNote note(std::move(*file));
    std::error_code ignored;
    const std::string text =
        std::string(kNoteTitle) + fs::absolute(passphrase_file, ignored).string();
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
    return read_note(directory).has_value();
}

Status clear_creation(const fs::path& directory) {
    if (Status ours = check_ours(directory); !ours) return ours;
    const Result<File> note = take(directory, O_RDWR);
    if (!note) return note.error();
    if (has_books(directory))
        return Fault{FaultCode::retriable,
                     "another process made books in " + directory.string() + " just now"};
    const std::optional<Begun> begun = read_note(directory);
    if (!begun)
        return configuration((directory / kFile).string() +
                             " was changed just now; nothing was removed");
    if (begun->passphrase.empty()) return forget_creation(directory);
    if (may_hold_records(directory / "log")) return without_deployment(directory);
    terminal::say(directory.string() +
                  ": an earlier creation of books was cut off here; what it left is removed");
    remove_passphrase(begun->passphrase, directory / kFile);
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
