#pragma once

#include "events/log/embedded/frame.h"
#include "events/world/files.h"
#include "events/world/mutex.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace vouch {

/// An open segment file whose header fits its name and its size.
struct Segment {
    File file;
    SegmentHeader header;
};

std::string segment_path(const std::string& directory, std::uint32_t ordinal);

/// Number of segments in a log's directory; `corrupt` when one is missing between them.
Result<std::uint32_t> count_segments(Files& files, const std::string& directory);

/// Empty when there is no such file. `flags`: O_RDONLY or O_RDWR. `corrupt` when header, name and
/// size do not agree: a segment gets its name only when it is complete.
Result<std::optional<Segment>> open_segment(Files& files, const std::string& directory,
                                            std::uint32_t ordinal, int flags);

/// Makes a segment of `size` bytes, its space allocated, durable with its name, open for writing.
/// `retriable` when the disk or a quota is full; nothing is lost then.
Result<Segment> create_segment(Files& files, const std::string& directory, std::uint32_t ordinal,
                               std::uint32_t shard_count, std::uint64_t size);

/// Notes, durably, the newest segment that frames are written to: before the first of them is, so
/// that a log which lacks it is known to have lost it. `retriable` when the disk is full.
Status note_newest(Files& files, const std::string& directory, std::uint32_t ordinal);

/// The segments of a log, open for reading as needed: at most kOpenSegmentsMax files at a time.
/// Any thread.
class SegmentTable {
public:
    SegmentTable(Files& files, std::string directory)
        : files_(files), directory_(std::move(directory)) {}

    /// Null when there is no such segment (yet). Shared, because another thread's call may close
    /// the least used file while this one still reads it.
    Result<std::shared_ptr<const Segment>> get(std::uint32_t ordinal);

    std::string path(std::uint32_t ordinal) const { return segment_path(directory_, ordinal); }

    /// The newest segment that frames were written to, where the log no longer has it.
    Result<std::optional<std::uint32_t>> find_lost();

private:
    static constexpr std::size_t kOpenSegmentsMax = 128;

    struct Entry {
        std::shared_ptr<const Segment> segment;
        std::uint64_t last_use;
    };

    Files& files_;
    const std::string directory_;
    Mutex mutex_;
    std::map<std::uint32_t, Entry> open_;
    std::uint64_t uses_ = 0;
};

}  // namespace vouch
