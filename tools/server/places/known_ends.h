#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/epoch_keys.h"
#include "tools/server/places/books_witnesses.h"
#include "tools/server/places/data_directory.h"

#include <string>
#include <vector>

namespace vouch::places {

/// Whether it is known that a log's shards end where they do, and who has seen what of them.
///
/// For an end counts only what a writer made: `shards/ends`, the shard store, a snapshot; of topics
/// also the writer that has the directory now, which knows what it wrote. A view is made by whoever
/// asks, of what is there then: of a log that was cut it says that all is there. So it counts only
/// against an end.
struct KnownEnds {
    std::vector<std::vector<BooksWitness>> seen;  ///< by shard
    /// Why nobody knows that nothing is missing at the end; empty when it is known.
    std::string doubt;
};

/// Asks all that `data` keeps. `log` is its log, or a copy that was just made of that. What a
/// running writer has written is kept some moments later, and waited for.
Result<KnownEnds> ask_about_ends(const DataDirectory& data, LogReader& log, const EpochKeys& keys);

/// The doubt; `corrupt` when somebody has seen another record than the log has there.
Result<std::string> doubt_about_ends(const DataDirectory& data, LogReader& log,
                                     const EpochKeys& keys);

}  // namespace vouch::places
