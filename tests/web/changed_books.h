#pragma once

#include "events/log/log.h"
#include "tests/support/store_files.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {

/// Of what a record is made, and what stands around it.
enum class RecordPart {
    frame,  ///< before it
    header,
    table,  ///< its blocks' digests
    tag,
    body,
    steps  ///< behind it, for other shards
};

/// What of a data directory is changed.
struct Region {
    enum class Where {
        record,    ///< a part of each old record of a shard
        segments,  ///< whole files of the log that hold such records and nothing else
        store,     ///< files of a shard store
        view,
        file  ///< one file
    };
    std::string_view name;
    Where where = Where::file;
    RecordPart part{};
    StoreFile kind{};
    std::string_view file{};          ///< below the directory
    std::string_view swapped_with{};  ///< another file
    bool is_surely_met = false;       ///< by who answers, once it was changed
};

/// All of shard 1 or of both shards: nothing is of shard 0 alone.
const std::vector<Region>& regions();

/// Data directories: as they are, as they were earlier, and with files of another making.
struct BooksCopies {
    std::filesystem::path right;
    std::filesystem::path older;
    std::filesystem::path twin;
};

/// A stretch of bytes in the log's files.
struct LogBytes {
    std::string file;  ///< its name in log/
    std::size_t at = 0;
    std::size_t size = 0;
};

/// The records of shard 1 and their places. The newest ones are left out: whether those may be cut
/// is another matter (tests/tools/missing_end_test.cc).
class RecordPlaces {
public:
    explicit RecordPlaces(const std::filesystem::path& books);

    /// That part of each record that has it.
    std::vector<LogBytes> parts(RecordPart part) const;
    /// Of files that hold these records and nothing else, the whole bytes.
    const std::vector<LogBytes>& files() const { return files_; }

private:
    struct Place {
        std::string file;
        std::size_t at = 0;
        std::size_t frame = 0;  ///< bytes of what stands before the record
        Bytes record;
        std::size_t steps = 0;  ///< bytes behind it
    };
    std::vector<Place> places_;
    std::vector<LogBytes> files_;
};

/// Changes a region of `books`, in place, so that whoever has a file open reads it. How many files
/// or parts are then not what they were; none where that change leaves all as it is.
std::size_t change(const std::filesystem::path& books, const Region& region, FileAct act,
                   const RecordPlaces& places, const BooksCopies& copies);

/// A copy of a data directory, with what nobody has written yet of it as holes.
void copy_books(const std::filesystem::path& from, const std::filesystem::path& to);
/// Makes each byte that a change may have touched what it is in `right`. What was recorded since
/// stays in the log.
void put_back(const std::filesystem::path& right, const std::filesystem::path& books,
              const RecordPlaces& places);

}  // namespace vouch::test
