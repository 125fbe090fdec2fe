#include "events/log/embedded/stored_frames.h"

#include "events/log/embedded/crc32c.h"
#include "events/log/embedded/log_walk.h"
#include "events/log/writer_turn.h"

namespace vouch {
namespace {

/// Small records that lie near each other are read by one call of at most so many bytes.
constexpr std::uint64_t kRunBytesMax = std::uint64_t{1} << 20;

}  // namespace

void StoredFrames::append(const FrameHeader& frame) {
    Shard& shard = shards_[frame.shard];
    const std::lock_guard lock(shard.mutex);
    VOUCH_ASSERT(shard.places.size() == frame.record);
    shard.places.push_back({frame.segment,
                            frame.offset + static_cast<std::uint32_t>(frame_prefix(frame)),
                            frame.length, frame.record_crc, frame.steps});
}

RecordNumber StoredFrames::end(ShardId shard) {
    VOUCH_ASSERT(shard.value() < shards_.size());
    Shard& state = shards_[shard.value()];
    const std::lock_guard lock(state.mutex);
    return RecordNumber(state.places.size());
}

Status StoredFrames::read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                                  std::vector<StoredRecord>& out) {
    VOUCH_ASSERT(shard.value() < shards_.size());
    std::vector<Place> places;
    {
        Shard& state = shards_[shard.value()];
        const std::lock_guard lock(state.mutex);
        std::size_t bytes = 0;
        for (std::uint64_t i = from.value(); i < state.places.size(); ++i) {
            bytes += state.places[i].length;
            if (bytes > bytes_max && !places.empty()) break;
            places.push_back(state.places[i]);
        }
    }
    const std::span<const Place> all(places);
    for (std::size_t first = 0; first < all.size();) {
        std::size_t end = first + 1;
        while (end < all.size() && all[end].segment == all[first].segment &&
               std::uint64_t{all[end].offset} + all[end].length - all[first].offset <=
                   kRunBytesMax) {
            ++end;
        }
        if (const Status read = read_run(shard, RecordNumber(from.value() + first),
                                         all.subspan(first, end - first), out);
            !read) {
            return read;
        }
        first = end;
    }
    return {};
}

Status StoredFrames::read_run(ShardId shard, RecordNumber first, std::span<const Place> places,
                              std::vector<StoredRecord>& out) {
    const Result<std::shared_ptr<const Segment>> segment = segment_of(places.front());
    if (!segment) return segment.error();
    const std::uint64_t start = places.front().offset;
    Bytes run(places.back().offset + places.back().length - start);
    if (const Status read = (*segment)->file.read(run, start); !read) return read;
    for (std::size_t i = 0; i < places.size(); ++i) {
        const RecordNumber number(first.value() + i);
        const auto at = static_cast<std::size_t>(places[i].offset - start);
        const ByteView bytes = ByteView(run).subspan(at, places[i].length);
        if (const Status checked = check(shard, number, places[i], bytes); !checked) return checked;
        if (places.size() == 1) {
            out.push_back({number, std::move(run)});
        } else {
            out.push_back({number, Bytes(bytes.begin(), bytes.end())});
        }
    }
    return {};
}

Status StoredFrames::check(ShardId shard, RecordNumber record, const Place& place,
                           ByteView bytes) const {
    if (is_lost(place.length, place.crc)) {
        return Fault{FaultCode::corrupt,
                     record_name(shard, record) + ": its frame, behind byte " +
                         std::to_string(place.offset) + " of " + segments_.path(place.segment) +
                         ", cannot be read"};
    }
    const std::uint32_t found = crc32c(0, bytes);
    if (found == place.crc) return {};
    return Fault{FaultCode::corrupt,
                 record_name(shard, record) + ": checksum mismatch in " +
                     path_at(place, place.offset) + ", expected " + std::to_string(place.crc) +
                     " found " + std::to_string(found)};
}

Status StoredFrames::read_range(ShardId shard, RecordNumber record, std::size_t offset,
                                std::size_t size, Bytes& out) {
    const std::optional<Place> place = find(shard, record);
    if (!place) {
        return Fault{FaultCode::corrupt, record_name(shard, record) +
                                             " is not in the log, which ends at " +
                                             std::to_string(end(shard).value())};
    }
    const std::size_t from = std::min<std::size_t>(offset, place->length);
    const Result<std::shared_ptr<const Segment>> segment = segment_of(*place);
    if (!segment) return segment.error();
    out.resize(std::min(size, place->length - from));
    return (*segment)->file.read(out, place->offset + from);
}

std::string StoredFrames::place_of(ShardId shard, RecordNumber record) {
    const std::optional<Place> place = find(shard, record);
    if (!place) return {};
    return path_at(*place, place->offset);
}

std::string StoredFrames::path_at(const Place& place, std::uint64_t byte) const {
    return segments_.path(place.segment) + " at byte " + std::to_string(byte);
}

std::optional<DamageBeside> StoredFrames::damage_beside(ShardId shard, RecordNumber record) {
    const std::optional<Place> place = find(shard, record);
    if (!place) return std::nullopt;
    const auto found = [&](const std::string& what, std::uint64_t byte) {
        return DamageBeside{record_name(shard, record) + ": " + what, path_at(*place, byte)};
    };
    const std::uint64_t begin =
        place->offset - kFrameHeaderBytes - place->steps * kStepEntryBytes;
    const Result<std::shared_ptr<const Segment>> segment = segment_of(*place);
    if (!segment) return found(segment.error().message, begin);
    const File& file = (*segment)->file;
    if (const Status named = file.check_named(); !named) {
        const bool is_gone = named.error().code == FaultCode::corrupt;
        return found(is_gone ? "its file was removed, or another one has its name: it is lost when "
                               "this process ends, unless the file comes back"
                             : named.error().message,
                     begin);
    }
    Bytes prefix(place->offset - begin);
    if (const Status read = file.read(prefix, begin); !read)
        return found(read.error().message, begin);
    const ByteView table = ByteView(prefix).subspan(kFrameHeaderBytes);
    const std::vector<StepEntry> batches = decode_step_table(table);
    std::uint64_t steps_length = 0;
    for (const StepEntry& batch : batches) steps_length += batch.length;
    const auto header = frame_header_at(prefix, (*segment)->header, begin);
    if (!header || header->shard != shard.value() || header->record != record.value() ||
        header->steps_length != steps_length || header->table_crc != crc32c(0, table)) {
        return found("its frame is not what was written, and without it the log does not open",
                     begin);
    }
    std::uint64_t at = std::uint64_t{place->offset} + place->length;
    for (const StepEntry& batch : batches) {
        Bytes bytes(batch.length);
        const Status read = file.read(bytes, at);
        if (!read || crc32c(0, bytes) != batch.crc) {
            return found("its steps for shard " + std::to_string(batch.to) +
                             " are not what was written; nothing is lost, they are built again "
                             "from it if they are still to be taken",
                         at);
        }
        at += batch.length;
    }
    return std::nullopt;
}

std::optional<StoredFrames::Place> StoredFrames::find(ShardId shard, RecordNumber record) {
    VOUCH_ASSERT(shard.value() < shards_.size());
    Shard& state = shards_[shard.value()];
    const std::lock_guard lock(state.mutex);
    if (record.value() >= state.places.size()) return std::nullopt;
    return state.places[record.value()];
}

Result<std::shared_ptr<const Segment>> StoredFrames::segment_of(const Place& place) {
    Result<std::shared_ptr<const Segment>> segment = segments_.get(place.segment);
    if (segment && *segment == nullptr) {
        return Fault{FaultCode::corrupt, segments_.path(place.segment) + " is missing"};
    }
    return segment;
}

}  // namespace vouch
