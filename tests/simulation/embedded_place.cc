#include "command-handler/shard/seen_end.h"
#include "events/log/embedded/embedded_log.h"
#include "projector/views/projector.h"
#include "tests/simulation/log_place.h"

namespace vouch::test {
namespace {

constexpr std::uint64_t kSmallSegment = 64 << 10;
constexpr std::uint64_t kLargeSegment = 4 << 20;

/// As tools/server/places/books_witnesses.h, on a simulated machine.
class Witnesses final : public LogWitnesses {
public:
    Witnesses(Machine& machine, const EpochKeys& keys, std::uint32_t shards)
        : machine_(machine), keys_(keys), shards_(shards) {}

    std::optional<LogWitness> seen_beyond(ShardId shard, RecordNumber end) override {
        std::optional<LogWitness> most;
        if (const auto seen = command_handler::seen_beyond(Machine::kShards, keys_, shard, shards_,
                                                           end, machine_.disk, *machine_.stores))
            most = LogWitness{seen->what, seen->next_record, seen->digest};
        const std::string path = std::string(Machine::kViews) + "/" + std::to_string(shard.value());
        const auto view =
            machine_.views->open_to_read(path, projector::view_key(keys_, shard));
        if (!view || !(*view)->position()) return most;
        const projector::ViewPosition& at = *(*view)->position();
        if (at.next_record > end && (!most || at.next_record > most->next_record))
            most = LogWitness{"the view", at.next_record, at.digest};
        return most;
    }

private:
    Machine& machine_;
    const EpochKeys& keys_;
    const std::uint32_t shards_;
};

}  // namespace

EmbeddedLogOptions EmbeddedPlace::options() const {
    EmbeddedLogOptions options;
    options.directory = Machine::kLog;
    options.shard_count = shards_;
    options.segment_bytes = has_large_records_ ? kLargeSegment : kSmallSegment;
    options.reserve_bytes = 0;
    return options;
}

void EmbeddedPlace::create(const NewDeployment&, const EpochKeys& keys) {
    keys_.emplace(keys.clone());
}

Result<std::unique_ptr<Log>> EmbeddedPlace::open(Machine& machine) {
    EmbeddedLogOptions asking = options();
    Witnesses witnesses(machine, *keys_, shards_);
    asking.witnesses = &witnesses;
    auto log = EmbeddedLog::open(asking, machine.disk);
    if (!log) return log.error();
    return std::unique_ptr<Log>(std::move(*log));
}

Result<std::unique_ptr<LogReader>> EmbeddedPlace::open_reader(Machine& machine) {
    auto log = EmbeddedLogReader::open(options(), machine.disk);
    if (!log) return log.error();
    return std::unique_ptr<LogReader>(std::move(*log));
}

}  // namespace vouch::test
