#include "events/log/embedded/opening.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace vouch {
namespace {

constexpr std::uint64_t kCopyBytes = 1 << 20;

/// Writes [begin, end) of the file once more, as it is read now.
Status write_again(const File& file, std::uint64_t begin, std::uint64_t end) {
    Bytes bytes;
    for (std::uint64_t at = begin; at < end; at += kCopyBytes) {
        bytes.resize(std::min(kCopyBytes, end - at));
        if (const Status read = file.read(bytes, at); !read) return read;
        if (const Status put = file.write(bytes, at); !put) return put;
    }
    return {};
}

Status write_zeros(const File& file, std::uint64_t begin, std::uint64_t end) {
    const Bytes zeros(std::min(kCopyBytes, end - begin));
    for (std::uint64_t at = begin; at < end; at += kCopyBytes) {
        const ByteView piece = ByteView(zeros).first(std::min(kCopyBytes, end - at));
        if (const Status put = file.write(piece, at); !put) return put;
    }
    return {};
}

Result<Segment> open_for_writing(Disk& disk, const std::string& directory, std::uint32_t ordinal) {
    Result<std::optional<Segment>> segment = open_segment(disk, directory, ordinal, O_RDWR);
    if (!segment) return segment.error();
    if (!*segment) return storage_fault("open", segment_path(directory, ordinal), ENOENT);
    return std::move(**segment);
}

}  // namespace

Status check_options(const EmbeddedLogOptions& options) {
    constexpr std::uint64_t kSegmentBytesMin = 4096;
    constexpr std::uint64_t kSegmentBytesMax = std::uint64_t{1} << 30;
    if (options.segment_bytes < kSegmentBytesMin || options.segment_bytes > kSegmentBytesMax) {
        return Fault{FaultCode::configuration,
                     "segment size must be " + std::to_string(kSegmentBytesMin) + " to " +
                         std::to_string(kSegmentBytesMax) + " bytes, found " +
                         std::to_string(options.segment_bytes)};
    }
    return {};
}

Status ensure_directory(Disk& disk, const std::string& directory) {
    const CallResult made = disk.make_directory(directory);
    if (made.error == EEXIST) return {};
    if (!made) return storage_fault("mkdir", directory, made.error);
    const std::size_t slash = directory.find_last_of('/');
    if (slash == std::string::npos) return sync_directory(disk, ".");
    return sync_directory(disk, slash == 0 ? "/" : directory.substr(0, slash));
}

Result<File> lock_directory(Disk& disk, const std::string& directory) {
    Result<File> file = File::open(disk, directory + "/lock", O_RDWR | O_CREAT);
    if (!file) return file.error();
    const Result<bool> locked = file->lock();
    if (!locked) return locked.error();
    if (!*locked) {
        std::string holder = "another process";
        if (const Result<std::uint64_t> size = file->size(); size && *size > 0 && *size < 32) {
            Bytes text(*size);
            if (file->read(text, 0)) {
                holder = "process ";
                for (const std::byte b : text) {
                    const char c = static_cast<char>(b);
                    if (c >= '0' && c <= '9') holder += c;
                }
            }
        }
        return Fault{FaultCode::fenced, "log in " + directory + " is being written by " + holder};
    }
    // For people and for the message above; the lock itself is the kernel's and ends with us.
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (const Status done = file->truncate(0); !done) return done.error();
    if (const Status done = file->write(std::as_bytes(std::span(pid)), 0); !done)
        return done.error();
    return file;
}

Result<std::uint32_t> check_shard_count(SegmentTable& segments, const std::string& directory,
                                        std::uint32_t shard_count) {
    const auto first = segments.get(0);
    if (!first) return first.error();
    if (*first == nullptr) return Fault{FaultCode::configuration, "no log in " + directory};
    const std::uint32_t found = (*first)->header.shard_count;
    if (shard_count != 0 && shard_count != found) {
        return Fault{FaultCode::configuration, "log in " + directory + " has " +
                                                   std::to_string(found) + " shards, expected " +
                                                   std::to_string(shard_count)};
    }
    return found;
}

Status secure_end(Disk& disk, const std::string& directory, const LogWalk& walk, LogPosition end) {
    const std::vector<WalkedFrame>& frames = walk.unpublished();
    if (!frames.empty()) {
        // No frame proves that those synced last ever were. Their pages may even look clean while
        // the disk lacks them, if the last writer's sync failed; so they are written again.
        const std::uint64_t unproven = frames.back().header.durable_below;
        const auto first = std::find_if(
            frames.begin(), frames.end(),
            [&](const WalkedFrame& frame) { return frame.header.sequence >= unproven; });
        const Result<Segment> segment = open_for_writing(disk, directory, end.segment);
        if (!segment) return segment.error();
        if (const Status done = write_again(segment->file, first->header.offset, end.offset);
            !done) {
            return done;
        }
        if (const Status done = segment->file.fdatasync(); !done) return done;
    }
    // Zeros, so that no later walk takes cut bytes for frames.
    for (const Remains& remains : walk.remains()) {
        const Result<Segment> segment = open_for_writing(disk, directory, remains.segment);
        if (!segment) return segment.error();
        if (const Status done = write_zeros(segment->file, remains.begin, remains.end); !done) {
            return done;
        }
        if (const Status done = segment->file.fdatasync(); !done) return done;
    }
    return {};
}

}  // namespace vouch
