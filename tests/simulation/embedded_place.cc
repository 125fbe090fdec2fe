#include "events/log/embedded/embedded_log.h"
#include "tests/simulation/log_place.h"

namespace vouch::test {
namespace {

/// Small, so that segments change over in a life.
constexpr std::uint64_t kSegmentBytes = 64 << 10;

EmbeddedLogOptions options_of(std::uint32_t shards) {
    EmbeddedLogOptions options;
    options.directory = "log";
    options.shard_count = shards;
    options.segment_bytes = kSegmentBytes;
    options.reserve_bytes = 0;
    return options;
}

}  // namespace

Result<std::unique_ptr<Log>> EmbeddedPlace::open(Machine& machine) {
    auto log = EmbeddedLog::open(options_of(shards_), machine.disk);
    if (!log) return log.error();
    return std::unique_ptr<Log>(std::move(*log));
}

Result<std::unique_ptr<LogReader>> EmbeddedPlace::open_reader(Machine& machine) {
    auto log = EmbeddedLogReader::open(options_of(shards_), machine.disk);
    if (!log) return log.error();
    return std::unique_ptr<LogReader>(std::move(*log));
}

}  // namespace vouch::test
