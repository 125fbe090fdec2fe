#include "events/log/embedded/opening.h"

#include "events/log/disk_room.h"
#include "events/log/embedded/log_end.h"
#include "events/world/thread.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace vouch {
namespace {

constexpr std::uint64_t kCopyBytes = 1 << 20;

/// Once more where it does not stand there afterwards.
Status write_surely(const File& file, ByteView bytes, std::uint64_t at, Bytes& found) {
    found.resize(bytes.size());
    for (int tries = 0; tries < 2; ++tries) {
        if (const Status put = file.write(bytes, at); !put) return put;
        if (const Status read = file.read(found, at); !read) return read;
        if (std::ranges::equal(found, bytes)) return {};
    }
    return Fault{FaultCode::storage, file.path() + " at byte " + std::to_string(at) +
                                         ": what is read back is not what was written"};
}

/// Writes [begin, end) of the file once more, as it is read now: twice, since what is read or
/// written wrongly would replace records that were acknowledged.
Status write_again(const File& file, std::uint64_t begin, std::uint64_t end) {
    Bytes bytes;
    Bytes second;
    for (std::uint64_t at = begin; at < end; at += kCopyBytes) {
        bytes.resize(std::min(kCopyBytes, end - at));
        if (const Status read = file.read(bytes, at); !read) return read;
        second.resize(bytes.size());
        if (const Status read = file.read(second, at); !read) return read;
        if (bytes != second) {
            return Fault{FaultCode::storage, file.path() + " at byte " + std::to_string(at) +
                                                 ": read twice, and it was not the same; nothing "
                                                 "was written: try again"};
        }
        if (const Status put = write_surely(file, bytes, at, second); !put) return put;
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

Status copy_bytes(const File& from, const Remains& remains, const File& to) {
    Bytes bytes;
    for (std::uint64_t at = remains.begin; at < remains.end; at += kCopyBytes) {
        bytes.resize(std::min<std::uint64_t>(kCopyBytes, remains.end - at));
        if (const Status read = from.read(bytes, at); !read) return read;
        if (const Status put = to.write(bytes, at - remains.begin); !put) return put;
    }
    return {};
}

/// A name that nothing kept before has.
Result<std::string> free_name(Files& files, const std::string& directory, const Remains& remains) {
    constexpr int kCopiesMax = 1000;
    std::vector<std::string> names;
    const CallResult listed = files.list(directory, names);
    if (!listed) return storage_fault("readdir", directory, listed.error);
    const std::string name =
        "cut-" + std::to_string(remains.segment) + "-" + std::to_string(remains.begin) + "-";
    for (int copy = 0; copy < kCopiesMax; ++copy) {
        const std::string free = name + std::to_string(copy);
        if (std::find(names.begin(), names.end(), free) == names.end())
            return directory + "/" + free;
    }
    return Fault{FaultCode::storage, directory + "/" + name + "0 to " +
                                         std::to_string(kCopiesMax - 1) +
                                         " are there already: look why the log's end is cut again "
                                         "and again, and move them away"};
}

/// One name for all that is not there in full yet, so that attempts leave no more than one file.
Result<std::string> keep(Files& files, const std::string& directory, const Remains& remains,
                         const File& segment) {
    const Result<std::string> name = free_name(files, directory, remains);
    if (!name) return name.error();
    Result<File> copy = File::make(files, directory + "/cut.new");
    if (!copy) return copy.error();
    if (const Status room = check_room(files, directory, remains.end - remains.begin); !room)
        return room.error();
    Status done = copy_bytes(segment, remains, *copy);
    if (done) done = copy->fsync();
    if (!done) {
        // What it got of a full disk is given back.
        (void)copy->truncate(0);
        return done.error();
    }
    if (const Status named = copy->rename(*name); !named) return named.error();
    return *name;
}

Result<Segment> open_for_writing(Files& files, const std::string& directory,
                                 std::uint32_t ordinal) {
    Result<std::optional<Segment>> segment = open_segment(files, directory, ordinal, O_RDWR);
    if (!segment) return segment.error();
    if (!*segment) return storage_fault("open", segment_path(directory, ordinal), ENOENT);
    return std::move(**segment);
}

/// The line that tells the end of the last group from a torn one, where a crash kept it off.
Status close_group(Files& files, const std::string& directory, LogPosition end) {
    const std::uint64_t group_end = group_begin(end.offset);
    if (group_end == end.offset) return {};
    const Result<Segment> segment = open_for_writing(files, directory, end.segment);
    if (!segment) return segment.error();
    if (end.offset + kFrameHeaderBytes > segment->header.size) return {};
    const Result<std::uint64_t> next = next_frame_begin(*segment, end.offset);
    if (!next) return next.error();
    if (*next == group_end) return {};
    if (const Status put = segment->file.write(closing_line(), end.offset); !put) return put;
    return segment->file.fdatasync();
}

/// Several tries: who looks whether there is a writer has the lock for a moment.
Result<bool> lock_for_writing(const File& file) {
    constexpr int kLockTries = 5;
    constexpr std::chrono::milliseconds kLockPause{20};
    for (int tries_left = kLockTries - 1;; --tries_left) {
        const Result<bool> locked = file.lock();
        if (!locked || *locked || tries_left == 0) return locked;
        sleep_for(kLockPause);
    }
}

}  // namespace

Status check_options(const EmbeddedLogOptions& options) {
    constexpr std::uint64_t kSegmentBytesMin = 2 * kGroupAlignment;
    constexpr std::uint64_t kSegmentBytesMax = std::uint64_t{1} << 30;
    if (options.segment_bytes < kSegmentBytesMin || options.segment_bytes > kSegmentBytesMax) {
        return Fault{FaultCode::configuration,
                     "segment size must be " + std::to_string(kSegmentBytesMin) + " to " +
                         std::to_string(kSegmentBytesMax) + " bytes, found " +
                         std::to_string(options.segment_bytes)};
    }
    return {};
}

Fault log_is_gone(const std::string& directory) {
    return {FaultCode::configuration, "the log in " + directory + " is gone"};
}

Status find_directory(Files& files, const std::string& directory) {
    std::vector<std::string> names;
    const CallResult listed = files.list(directory, names);
    if (listed.error == ENOENT) return log_is_gone(directory);
    if (!listed) return storage_fault("readdir", directory, listed.error);
    return {};
}

Result<File> lock_directory(Files& files, const std::string& directory) {
    Result<File> file = File::open(files, directory + "/lock", O_RDWR | O_CREAT);
    if (!file) return file.error();
    const Result<bool> locked = lock_for_writing(*file);
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
    const std::string pid = std::to_string(process_id()) + "\n";
    if (const Status done = file->truncate(0); !done) return done.error();
    if (const Status done = file->write(std::as_bytes(std::span(pid)), 0); !done)
        return done.error();
    return file;
}

Result<File> lock_first_segment(Files& files, const std::string& directory) {
    Result<File> file = File::open(files, segment_path(directory, 0), O_RDWR);
    if (!file) return file.error();
    const Result<bool> locked = lock_for_writing(*file);
    if (!locked) return locked.error();
    if (*locked) return file;
    return Fault{FaultCode::fenced, "log in " + directory +
                                        " is being written by a process whose lock file is gone"};
}

Result<bool> has_writer(Files& files, const std::string& directory) {
    const Result<std::optional<File>> file = File::find(files, directory + "/lock");
    if (!file) return file.error();
    if (!*file) return false;  // it was never written here
    const Result<bool> locked = (*file)->lock_shared();
    if (!locked) return locked.error();
    return !*locked;
}

Result<std::uint32_t> check_shard_count(SegmentTable& segments, const std::string& directory,
                                        std::uint32_t shard_count) {
    const auto first = segments.get(0);
    if (!first) return first.error();
    if (*first == nullptr) return log_is_gone(directory);
    const std::uint32_t found = (*first)->header.shard_count;
    if (shard_count != 0 && shard_count != found) {
        return Fault{FaultCode::configuration, "log in " + directory + " has " +
                                                   std::to_string(found) + " shards, expected " +
                                                   std::to_string(shard_count)};
    }
    return found;
}

Status check_end(SegmentTable& segments, const LogWalk& walk, std::uint32_t shard_count,
                 LogWitnesses* witnesses) {
    for (std::uint32_t i = 0; i < shard_count && witnesses != nullptr; ++i) {
        const RecordNumber end = walk.next_record(ShardId(i));
        const auto witness = witnesses->seen_beyond(ShardId(i), end);
        if (!witness) continue;
        return Fault{FaultCode::corrupt, walk.describe_end() + "; but " + witness->who +
                                             " has seen shard " + std::to_string(i) +
                                             " up to record " +
                                             std::to_string(witness->next_record.value() - 1) +
                                             ": records are missing"};
    }
    const Result<std::optional<std::uint32_t>> lost = segments.find_lost();
    if (!lost) return lost.error();
    if (*lost) {
        return Fault{FaultCode::corrupt, segments.path(**lost) +
                                             " is missing, and records were written there"};
    }
    if (walk.remains().empty()) return {};
    const Result<EndKind> kind = judge_end(segments, walk.frames_end());
    if (!kind) return kind.error();
    switch (*kind) {
        case EndKind::torn:
            return {};
        case EndKind::rotten:
            return Fault{FaultCode::corrupt,
                         walk.describe_end() + "; " + describe(EndKind::rotten)};
    }
    return {};
}

Result<std::vector<std::string>> keep_remains(Files& files, const std::string& directory,
                                              const LogWalk& walk) {
    std::vector<std::string> kept;
    for (const Remains& remains : walk.remains()) {
        const Result<Segment> segment = open_for_writing(files, directory, remains.segment);
        if (!segment) return segment.error();
        Result<std::string> name = keep(files, directory, remains, segment->file);
        if (!name) return name.error();
        kept.push_back(std::move(*name));
    }
    if (kept.empty()) return kept;
    if (const Status named = sync_directory(files, directory); !named) return named.error();
    return kept;
}

Status secure_end(Files& files, const std::string& directory, const LogWalk& walk) {
    const LogPosition end = walk.frames_end();
    const std::vector<WalkedFrame>& frames = walk.unpublished();
    if (!frames.empty()) {
        // No frame proves that those synced last ever were. Their pages may even look clean while
        // the disk lacks them, if the last writer's sync failed; so they are written again.
        const std::uint64_t unproven = frames.back().header.durable_below;
        const auto first = std::find_if(
            frames.begin(), frames.end(),
            [&](const WalkedFrame& frame) { return frame.header.sequence >= unproven; });
        const Result<Segment> segment = open_for_writing(files, directory, end.segment);
        if (!segment) return segment.error();
        if (const Status done = write_again(segment->file, first->header.offset, end.offset);
            !done) {
            return done;
        }
        if (const Status done = segment->file.fdatasync(); !done) return done;
    }
    // Zeros, so that no later walk takes cut bytes for frames.
    for (const Remains& remains : walk.remains()) {
        const Result<Segment> segment = open_for_writing(files, directory, remains.segment);
        if (!segment) return segment.error();
        if (const Status done = write_zeros(segment->file, remains.begin, remains.end); !done) {
            return done;
        }
        if (const Status done = segment->file.fdatasync(); !done) return done;
    }
    return close_group(files, directory, end);
}

}  // namespace vouch
