#include "tools/server/places/books_witnesses.h"

#include "command-handler/shard/seen_end.h"
#include "command-handler/shard/snapshot.h"
#include "projector/views/projector.h"

#include <algorithm>
#include <string>

namespace vouch::places {

std::optional<LogWitness> BooksWitnesses::seen_beyond(ShardId shard, RecordNumber end) {
    const std::optional<BooksWitness> found = find(shard, end);
    return found ? std::optional(found->seen) : std::nullopt;
}

std::optional<std::filesystem::path> BooksWitnesses::path_beyond(ShardId shard, RecordNumber end) {
    const std::optional<BooksWitness> found = find(shard, end);
    return found ? std::optional(found->path) : std::nullopt;
}

std::vector<BooksWitness> BooksWitnesses::all(ShardId shard, RecordNumber at_least) {
    std::vector<BooksWitness> all;
    for (const command_handler::SeenEnd& each :
         command_handler::seen_ends(shards_, keys_, shard, shard_count_, at_least)) {
        all.push_back({{each.what + each.path.string(), each.next_record, each.digest}, each.path});
    }
    const std::filesystem::path view = views_ / std::to_string(shard.value());
    const auto store =
        projector::rocks_view_stores().open_to_read(view, projector::view_key(keys_, shard));
    if (!store || !(*store)->position()) return all;
    const projector::ViewPosition& position = *(*store)->position();
    const RecordNumber next = position.next_record;
    if (next.value() > 0 && next >= at_least)
        all.push_back({{"the view in " + view.string(), next, position.digest}, view, true});
    return all;
}

/// The one that has seen most from record `end` on.
std::optional<BooksWitness> BooksWitnesses::find(ShardId shard, RecordNumber end) {
    const std::vector<BooksWitness> found = all(shard, end.next());
    const auto most = std::ranges::max_element(
        found, {}, [](const BooksWitness& each) { return each.seen.next_record; });
    return most == found.end() ? std::nullopt : std::optional(*most);
}

std::optional<LogWitness> SnapshotClaims::seen_beyond(ShardId shard, RecordNumber end) {
    const std::filesystem::path file = shards_ / std::to_string(shard.value()) / "snapshot";
    const std::optional<RecordNumber> claimed = command_handler::peek_snapshot(file);
    if (!claimed || *claimed <= end) return std::nullopt;
    return LogWitness{"the snapshot in " + file.string() + " (unverified, without keys)", *claimed};
}

}  // namespace vouch::places
