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
    std::string torn;
    Result<std::unique_ptr<Log>> log = data->open_log(&torn);
    if (!log) return log.error();
    if (!torn.empty()) {
        say("the log ended in an unfinished write, which was never acknowledged; cut " + torn);
    }
    return OpenedBooks{.deployment = data->deployment(),
                       .keys = std::move(*keys),
                       .log = std::move(*log),
                       .directory = options.directory,
                       .shards = data->shards(),
                       .views = data->views()};
}

}  // namespace vouch::cli
