#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace vouch::test {

/// Kinds of files that a RocksDB reads its rows by.
enum class StoreFile { table, manifest, current, options };

/// What somebody without the keys, who may write a store's files, can do to one.
enum class FileAct {
    flip,  ///< a bit in each 512 bytes
    swap,  ///< the bytes of such a file of a twin: the same rows, sealed under the same key
    drop,  ///< removed
    older  ///< the bytes that a file of that name had at an earlier time; left where it had none
};

std::string_view name_of(StoreFile file);
std::string_view name_of(FileAct act);

/// Where such files come from: directories of stores.
struct StoreCopies {
    std::filesystem::path older;
    std::filesystem::path twin;
};

/// Does it to each of the store's files of a kind, in place; how many are then not what they were.
std::size_t change_files(const std::filesystem::path& store, StoreFile kind, FileAct act,
                         const StoreCopies& copies);

/// A copy of a directory in the place of another, which is removed first.
void put_copy(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace vouch::test
