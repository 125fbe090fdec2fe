#pragma once

#include "events/result.h"
#include "events/world/files.h"

#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

namespace vouch::places {

/// The file `creation` of a data directory, while its books are being made: what a kill leaves then
/// is nobody's, and is cleared by who makes books there next. It names the passphrase file that is
/// made with them, which lies elsewhere. There is none where somebody named that file: it may be
/// that of other books. Whoever makes the books holds its lock, so that nobody takes him for dead.
class CreationNote {
public:
    /// Before anything else is made in the directory. `retriable` while another process makes books
    /// there.
    static Result<CreationNote> begin(const std::filesystem::path& directory,
                                      const std::filesystem::path& passphrase_file);
    CreationNote(CreationNote&& other) noexcept : file_(std::exchange(other.file_, std::nullopt)) {}
    CreationNote(const CreationNote&) = delete;
    CreationNote& operator=(const CreationNote&) = delete;
    CreationNote& operator=(CreationNote&&) = delete;
    /// Removes it: the books are made, or what was made of them is taken away.
    ~CreationNote();

private:
    explicit CreationNote(File file) : file_(std::move(file)) {}
    std::optional<File> file_;
};

/// Before anything is recorded: of books that are made, a note that a kill left. Durably, so that
/// no log with records has one.
Status forget_creation(const std::filesystem::path& directory);

/// Whether books were being made when their maker ended, or are just now. Not by any file of that
/// name: it is a whole note, its passphrase file is one of ours, and keys are those of its
/// deployment; or it is a note's beginning, and nothing else is there.
bool was_creation_cut(const std::filesystem::path& directory);
/// Removes what that left, and says so; a passphrase file that is older than the note stays, and is
/// named. With nothing removed, `configuration` when the log may hold records all the same, or
/// directory or note is not ours alone, `retriable` when its maker is at work.
Status clear_creation(const std::filesystem::path& directory);

}  // namespace vouch::places
