#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "tools/server/places/data_directory.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace vouch::places {

/// A backup is a folder of mode 0700 that has the form of a data directory, so that `vouch replay`
/// proves it where it lies:
///
///     deployment      as in the books
///     keys            the same root key, encrypted under a passphrase of the backup's own
///     log/            the log up to the moment of the backup; of one on Kafka its records, in
///                     files
///     origin          where the books are: whoever makes books from it has a copy of them
///     shards/ends     where each shard ends, sealed; not when nobody knows that nothing is missing
///                     there (known_ends.h)
///     SHA256SUMS      of all files above, as sha256sum(1) writes and checks it
///
/// It is FOLDER.unfinished until all of it is there and verified, or FOLDER/.unfinished where
/// FOLDER is there already; so are restored books.
/// What is made from the log (stores, snapshots, views) is not in it. Nobody writes to a backup:
/// books are made from it again.

/// How far a backup goes.
struct BackupExtent {
    std::uint64_t records = 0;
    std::uint64_t log_bytes = 0;  ///< of files
    std::vector<RecordNumber> ends;  ///< by shard: first record that is not in it
    std::string end_doubt;           ///< why they are not sealed; empty when they are
};

/// By shard, the first record of a log beside running writers that is left out, so that none takes
/// steps of a record that is.
using FindCut = std::function<Result<std::vector<RecordNumber>>(LogReader& log)>;

/// Makes a backup, also while the books are written; every record of it is read back and verified.
/// `folder` is missing or empty. `passphrase_file`, of the backup's keys, is made with a random
/// passphrase when it is missing. `find_cut` is asked of a log on Kafka: in files each end of the
/// log is one. Nothing is left when it fails.
/// `configuration` for a folder that holds something, and while a recovery is under way; `corrupt`
/// when something of the log cannot be read.
Result<BackupExtent> back_up(const DataDirectory& data, const std::filesystem::path& folder,
                             const std::filesystem::path& passphrase_file,
                             const FindCut& find_cut);

/// Whether where a backup's shards end must be sealed, as its maker does who knows it. Accepted
/// without, books have no such witness either, until their writer makes one; a seal that is there
/// is taken.
enum class SealedEnd { demanded, accepted_without };

/// Makes books in `options.directory`, missing or empty, from a backup. Its sums and each of its
/// records are checked first, and nothing is left when it fails. The keys are then under the
/// passphrase of `options.passphrase_file`, as for new books. They are a copy: read by all, and
/// written once somebody has said that the original is gone (directory_origin.h).
Result<BackupExtent> restore(const std::filesystem::path& folder,
                             const std::filesystem::path& passphrase_file,
                             const DataOptions& options, SealedEnd end);

}  // namespace vouch::places
