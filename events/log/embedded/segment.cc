#include "events/log/embedded/segment.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <span>
#include <string_view>
#include <vector>

namespace vouch {
namespace {

constexpr std::string_view kSuffix = ".segment";
/// Holds the ordinal of the newest segment, in decimal, with a line end. There is none while there
/// is one segment, nor in logs of versions that did not write it.
constexpr std::string_view kNewest = "newest";
constexpr std::size_t kDigits = 8;

std::optional<std::uint32_t> ordinal_of(std::string_view name) {
    if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
    std::uint32_t ordinal = 0;
    const char* end = name.data() + kDigits;
    const auto [stop, error] = std::from_chars(name.data(), end, ordinal);
    if (error != std::errc() || stop != end) return std::nullopt;
    return ordinal;
}

Result<Segment> check_segment(File file, std::uint32_t ordinal) {
    const Result<std::uint64_t> size = file.size();
    if (!size) return size.error();
    HeaderBytes bytes{};
    if (const Status read = file.read(bytes, 0); !read) return read.error();
    if (is_earlier_segment(bytes)) {
        return Fault{FaultCode::configuration,
                     file.path() + " is of an earlier version of vouch, which kept its log in "
                                   "another format; these books open with that version only"};
    }
    const std::optional<SegmentHeader> header = decode_segment_header(bytes);
    if (!header) {
        return Fault{FaultCode::corrupt, file.path() + ": segment header fails its checksum"};
    }
    if (header->ordinal != ordinal || header->size != *size) {
        return Fault{FaultCode::corrupt,
                     file.path() + ": header says segment " + std::to_string(header->ordinal) +
                         " of " + std::to_string(header->size) + " bytes, found segment " +
                         std::to_string(ordinal) + " of " + std::to_string(*size)};
    }
    return Segment{std::move(file), *header};
}

Status fill_new(const File& file, const SegmentHeader& header) {
    if (Status done = file.allocate(header.size); !done) return done;
    if (Status done = file.write(encode_segment_header(header), 0); !done) return done;
    return file.fsync();
}

}  // namespace

std::string segment_path(const std::string& directory, std::uint32_t ordinal) {
    std::string digits = std::to_string(ordinal);
    digits.insert(0, kDigits - std::min(kDigits, digits.size()), '0');
    return directory + "/" + digits + std::string(kSuffix);
}

Result<std::uint32_t> count_segments(Files& files, const std::string& directory) {
    std::vector<std::string> names;
    const CallResult listed = files.list(directory, names);
    if (!listed) return storage_fault("readdir", directory, listed.error);
    std::vector<std::uint32_t> ordinals;
    for (const std::string& name : names) {
        if (const auto ordinal = ordinal_of(name)) ordinals.push_back(*ordinal);
    }
    std::sort(ordinals.begin(), ordinals.end());
    for (std::uint32_t i = 0; i < ordinals.size(); ++i) {
        if (ordinals[i] != i) {
            return Fault{FaultCode::corrupt, segment_path(directory, i) + " is missing, but " +
                                                 segment_path(directory, ordinals[i]) +
                                                 " is there"};
        }
    }
    return static_cast<std::uint32_t>(ordinals.size());
}

Result<std::optional<Segment>> open_segment(Files& files, const std::string& directory,
                                            std::uint32_t ordinal, int flags) {
    Result<std::optional<File>> file =
        File::find(files, segment_path(directory, ordinal), flags);
    if (!file) return file.error();
    if (!*file) return std::optional<Segment>();
    Result<Segment> segment = check_segment(std::move(**file), ordinal);
    if (!segment) return segment.error();
    return std::optional<Segment>(std::move(*segment));
}

Result<Segment> create_segment(Files& files, const std::string& directory, std::uint32_t ordinal,
                               std::uint32_t shard_count, std::uint64_t size) {
    // Under another name until complete: a crash on the way leaves nothing that looks like a
    // segment.
    const std::string path = segment_path(directory, ordinal);
    Result<File> file = File::make(files, path + ".new");
    if (!file) return file.error();
    if (const Status made = fill_new(*file, {ordinal, shard_count, size, files.random()}); !made) {
        // What it got of a full disk is given back.
        (void)file->truncate(0);
        return made.error();
    }
    if (const Status named = file->rename(path); !named) return named.error();
    if (const Status done = sync_directory(files, directory); !done) return done.error();
    // Opened again by its name, so that faults name the file that is there.
    Result<std::optional<Segment>> opened = open_segment(files, directory, ordinal, O_RDWR);
    if (!opened) return opened.error();
    if (!*opened) return storage_fault("open", path, ENOENT);
    return std::move(**opened);
}

Status note_newest(Files& files, const std::string& directory, std::uint32_t ordinal) {
    const std::string path = directory + "/" + std::string(kNewest);
    Result<File> file = File::make(files, path + ".new");
    if (!file) return file.error();
    const std::string text = std::to_string(ordinal) + "\n";
    if (const Status put = file->write(std::as_bytes(std::span(text)), 0); !put) return put;
    if (const Status done = file->fsync(); !done) return done;
    if (const Status named = file->rename(path); !named) return named;
    return sync_directory(files, directory);
}

Result<std::optional<std::uint32_t>> SegmentTable::find_lost() {
    std::vector<std::string> names;
    const CallResult listed = files_.list(directory_, names);
    if (!listed) return storage_fault("readdir", directory_, listed.error);
    if (std::find(names.begin(), names.end(), kNewest) == names.end())
        return std::optional<std::uint32_t>();
    const std::string path = directory_ + "/" + std::string(kNewest);
    Result<File> file = File::open(files_, path, O_RDONLY);
    if (!file) return file.error();
    const Result<std::uint64_t> size = file->size();
    if (!size) return size.error();
    std::string text(std::min<std::uint64_t>(*size, 16), '\0');
    if (const Status read = file->read(std::as_writable_bytes(std::span(text)), 0); !read)
        return read.error();
    std::uint32_t newest = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), newest);
    if (error != std::errc() || end + 1 != text.data() + text.size() || *end != '\n') {
        return Fault{FaultCode::corrupt, path + " is not what was written; where no segment is "
                                                "missing, move it aside"};
    }
    const auto segment = get(newest);
    if (!segment) return segment.error();
    return *segment == nullptr ? std::optional(newest) : std::nullopt;
}

Result<std::shared_ptr<const Segment>> SegmentTable::get(std::uint32_t ordinal) {
    const std::lock_guard lock(mutex_);
    ++uses_;
    if (const auto found = open_.find(ordinal); found != open_.end()) {
        found->second.last_use = uses_;
        return found->second.segment;
    }
    Result<std::optional<Segment>> opened = open_segment(files_, directory_, ordinal, O_RDONLY);
    if (!opened) return opened.error();
    if (!*opened) return std::shared_ptr<const Segment>();
    if (open_.size() >= kOpenSegmentsMax) {
        open_.erase(std::min_element(open_.begin(), open_.end(), [](const auto& a, const auto& b) {
            return a.second.last_use < b.second.last_use;
        }));
    }
    auto segment = std::make_shared<const Segment>(std::move(**opened));
    open_.emplace(ordinal, Entry{segment, uses_});
    return segment;
}

}  // namespace vouch
