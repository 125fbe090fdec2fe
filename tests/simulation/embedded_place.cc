#include "events/log/embedded/embedded_log.h"
#include "tests/simulation/log_place.h"

namespace vouch::test {
namespace {

/// Small, so that segments change over in a life.
constexpr std::uint64_t kSegmentBytes = 32 << 10;

std::unique_ptr<EmbeddedLog> open_embedded(MemoryFiles& disk) {
    EmbeddedLogOptions options;
    options.directory = "log";
    options.shard_count = 1;
    options.segment_bytes = kSegmentBytes;
    return must(EmbeddedLog::open(options, disk));
}

}  // namespace

std::unique_ptr<Log> EmbeddedPlace::open(MemoryFiles& disk) { return open_embedded(disk); }

std::unique_ptr<LogReader> EmbeddedPlace::open_reader(MemoryFiles& disk) {
    return open_embedded(disk);
}

}  // namespace vouch::test
