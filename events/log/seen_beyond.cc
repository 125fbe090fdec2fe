#include "events/log/seen_beyond.h"

#include "events/world/thread.h"

namespace vouch {

// It is looked at least twice: a writer may have gone on since.
Result<std::optional<LogWitness>> SeenBeyond::find(ShardId shard) {
    const Result<RecordNumber> end = log_.end(shard);
    if (!end) return end.error();
    std::optional<LogWitness> witness = witnesses_.seen_beyond(shard, *end);
    if (!witness) return witness;
    while (true) {
        const Result<RecordNumber> now = log_.end(shard);
        if (!now) return now.error();
        if (witness->next_record <= *now) return std::optional<LogWitness>();
        if (looks_left_ <= 1) return witness;
        --looks_left_;
        sleep_for(kShowPause);
    }
}

}  // namespace vouch
