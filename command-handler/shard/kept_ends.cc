#include "command-handler/shard/kept_ends.h"

#include "events/bytes/big_endian.h"
#include "events/log/set_aside.h"
#include "events/seal/mac.h"
#include "events/world/notice.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

// ends = sector*                                           by shard; all zeros: nothing is kept yet
// sector = format:1 next_record:8 digest:32 tag:32 0*439   tag = HMAC-SHA256 of what is before it
//
// Numbers are big-endian. Disks write a sector whole or not at all: a crash leaves the old one or
// the new one.

namespace vouch::command_handler {
namespace {

constexpr std::size_t kSectorBytes = 512;
constexpr std::byte kFormat{1};
constexpr std::size_t kSealedBytes = 1 + 8 + sizeof(Digest);

using Sector = std::array<std::byte, kSectorBytes>;

std::uint64_t offset_of(ShardId shard) { return std::uint64_t{shard.value()} * kSectorBytes; }

Tag tag_of(const Sector& sector, const EpochKeys& keys, ShardId shard) {
    Mac mac(keys.local_key("kept-end", shard));
    const std::span<const std::byte> sealed = std::span(sector).first(kSealedBytes);
    return mac.tag({&sealed, 1});
}

Sector make_sector(const KeptEnd& end, const EpochKeys& keys, ShardId shard) {
    Sector sector{};
    sector[0] = kFormat;
    put_big_endian(end.next_record.value(), &sector[1]);
    std::copy(end.digest.begin(), end.digest.end(), sector.begin() + 9);
    const Tag tag = tag_of(sector, keys, shard);
    std::copy(tag.begin(), tag.end(), sector.begin() + kSealedBytes);
    return sector;
}

/// Zeros where there is no file, and for what a making did not come to.
Result<Sector> read_sector(Files& files, const std::filesystem::path& path, ShardId shard) {
    Sector sector{};
    const Result<std::optional<File>> file = File::find(files, path.string());
    if (!file) return file.error();
    if (!*file) return sector;
    const Result<std::uint64_t> size = (*file)->size();
    if (!size) return size.error();
    const std::uint64_t begin = std::min(offset_of(shard), *size);
    const auto there = static_cast<std::size_t>(std::min<std::uint64_t>(*size - begin,
                                                                        kSectorBytes));
    if (Status read = (*file)->read(std::span(sector).first(there), begin); !read)
        return read.error();
    return sector;
}

}  // namespace

Result<std::unique_ptr<KeptEnds>> KeptEnds::open(const std::filesystem::path& path,
                                                 const EpochKeys& keys, std::uint32_t shard_count,
                                                 std::vector<std::string>& warnings,
                                                 Files& files) {
    const std::string directory = directory_of(path.string());
    if (Status made = make_directories(files, directory); !made)
        return Fault{FaultCode::storage, "shard directory: " + made.error().message};
    std::vector<std::optional<KeptEnd>> found(shard_count);
    std::optional<Fault> damage;
    for (std::uint32_t i = 0; i < shard_count; ++i) {
        Result<std::optional<KeptEnd>> kept = read(path, keys, ShardId(i), files);
        if (kept) {
            found[i] = *kept;
        } else if (kept.error().code == FaultCode::corrupt) {
            damage = kept.error();
        } else {
            return kept.error();
        }
    }
    if (damage) {
        const Result<SetAside> aside = set_aside(path, "damaged", files);
        if (!aside) return aside.error();
        warnings.push_back(damage->message + "; set aside as " + aside->path.string() + ", " +
                           std::to_string(aside->kept) +
                           " of its kind are kept there, and begun anew");
    }
    Result<File> file = File::open(files, path.string(), O_RDWR | O_CREAT);
    if (!file) return file.error();
    if (Status room = file->allocate(shard_count * kSectorBytes); !room) return room.error();
    if (Status synced = file->fsync(); !synced) return synced.error();
    if (Status synced = sync_directory(files, directory); !synced) return synced.error();
    return std::unique_ptr<KeptEnds>(new KeptEnds(std::move(*file), keys, std::move(found)));
}

KeptEnds::KeptEnds(File file, const EpochKeys& keys, std::vector<std::optional<KeptEnd>> found)
    : file_(std::move(file)), keys_(keys.clone()), found_(std::move(found)), noted_(found_) {
    thread_ = Thread("kept-ends", [this] { run(); });
}

KeptEnds::~KeptEnds() {
    {
        const std::lock_guard lock(mutex_);
        stops_ = true;
    }
    stopping_.notify_all();
    thread_.join();
}

void KeptEnds::note(ShardId shard, const KeptEnd& end) {
    const std::lock_guard lock(mutex_);
    noted_[shard.value()] = end;
}

Result<std::optional<KeptEnd>> KeptEnds::read(const std::filesystem::path& path,
                                              const EpochKeys& keys, ShardId shard, Files& files) {
    const Result<Sector> stored = read_sector(files, path, shard);
    if (!stored) return stored.error();
    const Sector& sector = *stored;
    if (sector == Sector{}) return std::optional<KeptEnd>();
    KeptEnd end;
    end.next_record = RecordNumber(from_big_endian(std::span(sector).subspan(1, 8)));
    std::copy_n(sector.begin() + 9, end.digest.size(), end.digest.begin());
    if (sector != make_sector(end, keys, shard)) {
        return Fault{FaultCode::corrupt, path.string() + ": the end of shard " +
                                             std::to_string(shard.value()) +
                                             " is not what was written"};
    }
    return std::optional<KeptEnd>(end);
}

void KeptEnds::run() {
    bool is_last = false;
    while (!is_last) {
        {
            std::unique_lock lock(mutex_);
            is_last = stopping_.wait_for(lock, kEvery, [this] { return stops_; });
        }
        write_noted();
    }
}

void KeptEnds::write_noted() {
    std::vector<std::optional<KeptEnd>> ends(noted_.size());
    {
        const std::lock_guard lock(mutex_);
        ends.swap(noted_);
    }
    const Status written = write(ends);
    if (!written && !has_failed_) {
        tell({Severity::warning, "end_not_kept",
              "where the log ends is not kept: " + written.error().message});
    }
    has_failed_ = !written;
    if (written) return;
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < ends.size(); ++i) {
        if (!noted_[i]) noted_[i] = ends[i];
    }
}

Status KeptEnds::write(const std::vector<std::optional<KeptEnd>>& ends) const {
    bool is_written = false;
    for (std::uint32_t i = 0; i < ends.size(); ++i) {
        if (!ends[i]) continue;
        const Sector sector = make_sector(*ends[i], keys_, ShardId(i));
        if (Status written = file_.write(sector, offset_of(ShardId(i))); !written) return written;
        is_written = true;
    }
    return is_written ? file_.fdatasync() : Status();
}

}  // namespace vouch::command_handler
