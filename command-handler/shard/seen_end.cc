#include "command-handler/shard/seen_end.h"

#include "command-handler/core/shard_state.h"
#include "command-handler/shard/kept_ends.h"
#include "command-handler/shard/snapshot.h"

#include <algorithm>

namespace vouch::command_handler {

std::vector<SeenEnd> seen_ends(const std::filesystem::path& directory, const EpochKeys& keys,
                               ShardId shard, std::uint32_t shard_count, RecordNumber at_least,
                               Files& files, ShardStores& stores) {
    const std::filesystem::path own = directory / std::to_string(shard.value());
    std::vector<SeenEnd> seen;
    const auto take = [&](const std::filesystem::path& file, const char* what, RecordNumber next,
                          const Digest& digest) {
        if (next >= at_least) seen.push_back({file, what, next, digest});
    };
    const auto position = stores.peek(own / "store", keys, shard);
    if (position && position->next_record.value() > 0)
        take(own / "store", "the shard store in ", position->next_record, position->digest);
    const std::filesystem::path ends = directory / "ends";
    if (const auto kept = KeptEnds::read(ends, keys, shard, files); kept && *kept)
        take(ends, "the end that is kept in ", (*kept)->next_record, (*kept)->digest);
    // A snapshot is believed whole or not at all, so it is read whole only when it may tell more.
    const std::optional<RecordNumber> claimed = peek_snapshot(own / "snapshot", files);
    if (claimed && claimed->value() > 0 && *claimed >= at_least) {
        ShardState state(shard, shard_count);
        StepPeers peers(shard_count);
        const Result<std::optional<LoadedSnapshot>> loaded =
            load_snapshot(own / "snapshot", keys.local_key("snapshot", shard), state, peers, files);
        if (loaded && *loaded) {
            take(own / "snapshot", "the snapshot in ", (*loaded)->seen_next,
                 (*loaded)->seen_digest);
        }
    }
    return seen;
}

std::optional<SeenEnd> seen_beyond(const std::filesystem::path& directory, const EpochKeys& keys,
                                   ShardId shard, std::uint32_t shard_count, RecordNumber end,
                                   Files& files, ShardStores& stores) {
    const std::vector<SeenEnd> seen =
        seen_ends(directory, keys, shard, shard_count, end.next(), files, stores);
    const auto most = std::ranges::max_element(seen, {}, &SeenEnd::next_record);
    return most == seen.end() ? std::nullopt : std::optional(*most);
}

}  // namespace vouch::command_handler
