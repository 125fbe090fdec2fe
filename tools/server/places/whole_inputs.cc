#include "tools/server/places/whole_inputs.h"

#include "command-handler/shard/moved_input.h"
#include "events/seal/record_verifier.h"
#include "events/world/thread.h"

#include <chrono>
#include <string>
#include <vector>

namespace vouch::places {

namespace {

/// What a shard reads next, as its last record says.
Result<InputPosition> position_of(LogReader& log, const Deployment& deployment,
                                  const EpochKeys& keys, ShardId shard) {
    const Result<RecordNumber> end = log.end(shard);
    if (!end) return end.error();
    if (end->value() == 0) return InputPosition{};
    const RecordNumber last(end->value() - 1);
    std::vector<StoredRecord> stored;
    if (Status read = log.read_records(shard, last, 1, stored); !read) return read.error();
    RecordVerifier verifier(deployment, shard, &keys);
    if (stored.empty()) return verifier.corrupt(last, "missing before the end of the log");
    const Result<RecordView> record = verifier.verify(last, stored.front().bytes);
    if (!record) return record.error();
    return InputPosition{record->header.next_command, record->header.next_step};
}

}  // namespace

std::vector<Result<InputPosition>> whole_positions(LogReader& log, const Deployment& deployment,
                                                   const EpochKeys& keys) {
    constexpr int kLooksMax = 20;
    constexpr std::chrono::milliseconds kPause{100};
    std::vector<Result<InputPosition>> consumed;
    std::vector<Result<InputPosition>> next;
    for (std::uint32_t i = 0; i < deployment.shards; ++i) {
        consumed.push_back(log.consumed_inputs(ShardId(i)));
        next.push_back(consumed.back());
    }
    // All of them look before anybody waits.
    for (int looks_left = kLooksMax - 1;; --looks_left) {
        bool is_missing = false;
        for (std::uint32_t i = 0; i < deployment.shards; ++i) {
            if (!consumed[i]) continue;
            const ShardId shard(i);
            next[i] = position_of(log, deployment, keys, shard);
            if (!next[i]) continue;
            const std::string missing =
                command_handler::missing_records_text(shard, *next[i], *consumed[i]);
            if (missing.empty()) continue;
            is_missing = true;
            if (looks_left == 0) {
                next[i] = Fault{FaultCode::corrupt,
                                missing + ". Or the end of a transaction is still under way: look "
                                          "again in a minute"};
            }
        }
        if (!is_missing || looks_left == 0) return next;
        sleep_for(kPause);
    }
}

}  // namespace vouch::places
