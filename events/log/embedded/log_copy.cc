#include "events/log/embedded/log_copy.h"

#include "events/log/disk_room.h"

#include <algorithm>
#include <cerrno>

namespace vouch {
namespace {

constexpr std::uint64_t kPieceBytes = 1 << 20;

/// The first `written` bytes of a segment; the file is as long as the segment.
Status copy_segment(Files& files, const Segment& segment, std::uint64_t written,
                    const std::string& into) {
    const std::string path = segment_path(into, segment.header.ordinal);
    Result<File> copy = File::make(files, path + ".new");
    if (!copy) return copy.error();
    if (Status room = copy->allocate(segment.header.size); !room) return room;
    Bytes bytes;
    for (std::uint64_t at = 0; at < written; at += kPieceBytes) {
        bytes.resize(std::min(kPieceBytes, written - at));
        if (Status read = segment.file.read(bytes, at); !read) return read;
        if (Status put = copy->write(bytes, at); !put) return put;
    }
    if (Status done = copy->fsync(); !done) return done;
    return copy->rename(path);
}

}  // namespace

Status copy_log(Files& files, SegmentTable& segments, const LogPosition& end,
                const std::string& into) {
    for (std::uint32_t ordinal = 0; ordinal <= end.segment; ++ordinal) {
        const auto segment = segments.get(ordinal);
        if (!segment) return segment.error();
        if (*segment == nullptr) return storage_fault("open", segments.path(ordinal), ENOENT);
        const std::uint64_t size = (*segment)->header.size;
        if (Status room = check_room(files, into, size + kLogReserveBytes); !room) return room;
        const std::uint64_t written = ordinal == end.segment ? end.offset : size;
        if (Status copied = copy_segment(files, **segment, written, into); !copied) return copied;
    }
    // What a writer had done before it wrote there.
    if (end.segment > 0) return note_newest(files, into, end.segment);
    return sync_directory(files, into);
}

}  // namespace vouch
