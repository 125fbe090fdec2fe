#pragma once

#include "events/log/embedded/embedded_log.h"
#include "tests/events/log_test_support.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace vouch::test {

using Texts = std::vector<std::string>;

inline const std::string kSegment0 = "log/00000000.segment";
inline const std::string kSegment1 = "log/00000001.segment";

/// Two shards in tiny segments of three blocks for groups, every system call in a fixed order.
inline EmbeddedLogOptions tiny() {
    EmbeddedLogOptions options;
    options.directory = "log";
    options.shard_count = 2;
    options.segment_bytes = 16384;
    options.reserve_bytes = 0;
    options.prepare_in_background = false;
    return options;
}

inline std::unique_ptr<EmbeddedLog> open(Files& disk, const EmbeddedLogOptions& options = tiny()) {
    Result<std::unique_ptr<EmbeddedLog>> log = EmbeddedLog::open(options, disk);
    REQUIRE_MESSAGE(log, fault_of(log));
    return std::move(*log);
}

inline std::unique_ptr<EmbeddedLogReader> open_reader(Files& disk) {
    Result<std::unique_ptr<EmbeddedLogReader>> log = EmbeddedLogReader::open(tiny(), disk);
    REQUIRE_MESSAGE(log, fault_of(log));
    return std::move(*log);
}

inline void require(const Status& status) { REQUIRE_MESSAGE(status, fault_of(status)); }

/// Commits each text to the first shard, waiting for each; none of them may fail.
inline void append(Log& log, const Texts& texts) {
    const Result<ShardEnd> end = log.acquire(kFirst, kTerm);
    REQUIRE_MESSAGE(end, fault_of(end));
    std::uint64_t number = end->next_record.value();
    for (const std::string& text : texts) require(commit_text(log, kFirst, kTerm, number++, text));
}

}  // namespace vouch::test
