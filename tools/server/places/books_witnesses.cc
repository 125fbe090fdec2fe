#include "tools/server/places/books_witnesses.h"

#include "command-handler/shard/seen_end.h"
#include "command-handler/shard/snapshot.h"
#include "projector/views/projector.h"

#include <string>

namespace vouch::places {

std::optional<LogWitness> BooksWitnesses::seen_beyond(ShardId shard, RecordNumber end) {
    const std::optional<Found> found = find(shard, end);
    if (!found) return std::nullopt;
    return found->witness;
}

std::optional<std::filesystem::path> BooksWitnesses::path_beyond(ShardId shard, RecordNumber end) {
    const std::optional<Found> found = find(shard, end);
    if (!found) return std::nullopt;
    return found->path;
}

std::optional<BooksWitnesses::Found> BooksWitnesses::find(ShardId shard, RecordNumber end) {
    std::optional<Found> most;
    if (const auto seen =
            command_handler::seen_beyond(shards_, keys_, shard, shard_count_, end)) {
        most = Found{{seen->what + seen->path.string(), seen->next_record, seen->digest}, seen->path};
    }
    const std::filesystem::path view = views_ / std::to_string(shard.value());
    const auto store =
        projector::rocks_view_stores().open_to_read(view, projector::view_key(keys_, shard));
    if (!store || !(*store)->position()) return most;
    const projector::ViewPosition& position = *(*store)->position();
    const RecordNumber next = position.next_record;
    if (next > end && (!most || next > most->witness.next_record))
        most = Found{{"the view in " + view.string(), next, position.digest}, view};
    return most;
}

std::optional<LogWitness> SnapshotClaims::seen_beyond(ShardId shard, RecordNumber end) {
    const std::filesystem::path file = shards_ / std::to_string(shard.value()) / "snapshot";
    const std::optional<RecordNumber> claimed = command_handler::peek_snapshot(file);
    if (!claimed || *claimed <= end) return std::nullopt;
    return LogWitness{"the snapshot in " + file.string() + " (unverified, without keys)", *claimed};
}

}  // namespace vouch::places
