#include "tools/vouch/opened_books.h"

#include "tools/vouch/talk.h"

#include <string>
#include <utility>

namespace vouch::cli {

namespace {

void tell_of_new_books(const DataDirectory& data, const DataOptions& options) {
    say("new books in " + options.directory.string() + ": deployment " +
        id_text(data.deployment().id) + ", " + std::to_string(data.deployment().shards) +
        (data.deployment().shards == 1 ? " shard" : " shards") +
        (data.deployment().test_clock ? ", test clock" : ""));
    say("the passphrase of their keys is in " + data.passphrase_file().string() +
        "; keep a copy: without it the keys are lost");
}

}  // namespace

Result<OpenedBooks> open_books(const DataOptions& options) {
    Result<DataDirectory> data = DataDirectory::open(options);
    if (!data) return data.error();
    if (data->is_new()) tell_of_new_books(*data, options);
    Result<EpochKeys> keys = data->keys();
    if (!keys) return keys.error();
    Result<std::unique_ptr<EmbeddedLog>> log = data->open_log();
    if (!log) return log.error();
    if ((*log)->report().torn_bytes > 0) {
        say("the log ended in an unfinished write, which was never acknowledged; cut " +
            std::to_string((*log)->report().torn_bytes) + " bytes at " + (*log)->report().torn_at);
    }
    return OpenedBooks{.deployment = data->deployment(),
                       .keys = std::move(*keys),
                       .log = std::move(*log),
                       .directory = options.directory,
                       .shards = data->shards(),
                       .views = data->views()};
}

}  // namespace vouch::cli
