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

Result<InputPosition> whole_position_of(LogReader& log, const Deployment& deployment,
                                        const EpochKeys& keys, ShardId shard) {
    constexpr int kLooksMax = 20;
    constexpr std::chrono::milliseconds kPause{100};
    const Result<InputPosition> consumed = log.consumed_inputs(shard);
    if (!consumed) return consumed.error();
    for (int looks_left = kLooksMax - 1;; --looks_left) {
        Result<InputPosition> next = position_of(log, deployment, keys, shard);
        if (!next) return next;
        std::string missing = command_handler::missing_records_text(shard, *next, *consumed);
        if (missing.empty()) return next;
        if (looks_left == 0) {
            return Fault{FaultCode::corrupt,
                         missing + ". Or the end of a transaction is still under way: look again "
                                   "in a minute"};
        }
        sleep_for(kPause);
    }
}

}  // namespace vouch::places
