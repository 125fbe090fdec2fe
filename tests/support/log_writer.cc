#include "tests/support/log_writer.h"

#include "events/check.h"
#include "events/entries/codec.h"

#include <algorithm>
#include <array>

namespace vouch::test {

namespace {

SecretKey key_of(std::uint8_t seed) {
    std::array<std::byte, 32> bytes{};
    bytes.fill(static_cast<std::byte>(seed));
    return SecretKey(bytes);
}

Bytes join(const SealedParts& parts, ByteView body) {
    Bytes bytes(parts.prefix);
    bytes.insert(bytes.end(), body.begin(), body.end());
    return bytes;
}

}  // namespace

SealedDeployment make_sealed_deployment(std::uint32_t shards, bool test_clock, std::uint8_t seed) {
    NewDeployment created = make_deployment(shards, test_clock, Timestamp(1'700'000'000'000'000));
    EpochKeys keys(key_of(seed), created.deployment);
    return {std::move(created), std::move(keys)};
}

// --- RecordList -------------------------------------------------------------------------------

Result<RecordNumber> RecordList::end(ShardId shard) {
    return RecordNumber(shards_.at(shard.value()).size());
}

Status RecordList::read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                                std::vector<StoredRecord>& out) {
    const std::vector<Bytes>& records = shards_.at(shard.value());
    std::size_t bytes = 0;
    for (std::uint64_t i = from.value();
         i < records.size() && (bytes < bytes_max || i == from.value()); ++i) {
        bytes += records[i].size();
        out.push_back({RecordNumber(i), records[i]});
    }
    return {};
}

Status RecordList::read_range(ShardId shard, RecordNumber record, std::size_t offset,
                              std::size_t size, Bytes& out) {
    const Bytes& bytes = shards_.at(shard.value()).at(record.value());
    const ByteView behind = ByteView(bytes).subspan(std::min(offset, bytes.size()));
    const ByteView range = behind.first(std::min(size, behind.size()));
    out.assign(range.begin(), range.end());
    return {};
}

RecordList copy_log(LogReader& log) {
    constexpr std::size_t kReadBytes = 1u << 20;
    RecordList list(log.shard_count());
    for (std::uint32_t i = 0; i < log.shard_count(); ++i) {
        const Result<RecordNumber> end = log.end(ShardId(i));
        VOUCH_ASSERT(end.has_value());
        std::vector<Bytes>& records = list.shard(ShardId(i));
        while (records.size() < end->value()) {
            std::vector<StoredRecord> stored;
            const Status status =
                log.read_records(ShardId(i), RecordNumber(records.size()), kReadBytes, stored);
            VOUCH_ASSERT(status.has_value() && !stored.empty());
            for (StoredRecord& each : stored) records.push_back(std::move(each.bytes));
        }
    }
    return list;
}

// --- LogDraft ---------------------------------------------------------------------------------

LogDraft::LogDraft(const Deployment& deployment)
    : deployment_(deployment), arena_(std::make_unique<Arena>()), shards_(deployment.shards) {}

LogDraft LogDraft::read(LogReader& log, const Deployment& deployment) {
    LogDraft draft(deployment);
    draft.sources_.push_back(std::make_unique<RecordList>(copy_log(log)));
    for (std::uint32_t i = 0; i < deployment.shards; ++i) {
        for (const Bytes& bytes : draft.sources_.back()->shard(ShardId(i))) {
            const Result<RecordView> view = parse_record(bytes);
            VOUCH_ASSERT(view.has_value());
            DraftRecord& record = draft.shards_[i].emplace_back();
            record.header = view->header;
            EventReader reader(view->body);
            while (true) {
                const Result<std::optional<ByteView>> event = reader.next();
                VOUCH_ASSERT(event.has_value());
                if (!event->has_value()) break;
                const Result<Event> decoded = decode_event(**event, draft.arena());
                VOUCH_ASSERT(decoded.has_value());
                record.events.push_back(*decoded);
            }
        }
    }
    return draft;
}

DraftRecord& LogDraft::append(ShardId shard, std::vector<Event> events) {
    std::vector<DraftRecord>& records = shards_[shard.value()];
    DraftRecord record;
    if (records.empty()) {
        record.header.deployment = deployment_.id;
        record.header.chain = deployment_.chain;
        record.header.shard = shard;
        record.header.time = deployment_.created_at;
    } else {
        record.header = records.back().header;
        record.header.record = record.header.record.next();
        record.header.first_event =
            EventNumber(record.header.first_event.value() + records.back().events.size());
    }
    record.header.event_count = static_cast<std::uint32_t>(events.size());
    record.events = std::move(events);
    return records.emplace_back(std::move(record));
}

RecordList LogDraft::seal(const EpochKeys& keys, const Sealing& sealing) const {
    RecordList list(static_cast<std::uint32_t>(shards_.size()));
    for (std::uint32_t i = 0; i < shards_.size(); ++i) {
        Tag previous = deployment_.genesis_tag;
        std::uint64_t number = 0;
        std::uint64_t event = 0;
        for (const DraftRecord& record : shards_[i]) {
            RecordHeader header = record.header;
            if (sealing.number_records) header.record = RecordNumber(number);
            if (sealing.number_events) {
                header.first_event = EventNumber(event);
                header.event_count = static_cast<std::uint32_t>(record.events.size());
            }
            if (sealing.link) header.previous_digest = previous;
            if (sealing.touch) sealing.touch(header);
            const Bytes body = encode_body(record.events);
            Mac mac(keys.record_key(ShardId(i), header.epoch));
            const SealedParts parts = seal_record(mac, header, body);
            list.shard(ShardId(i)).push_back(join(parts, body));
            previous = parts.digest;
            event += record.events.size();
            ++number;
        }
    }
    return list;
}

RecordList LogDraft::seal(const EpochKeys& keys) const { return seal(keys, Sealing()); }

// --- Bytes ------------------------------------------------------------------------------------

Bytes encode_body(std::span<const Event> events) {
    constexpr std::size_t kPrefix = 16;  // tag and length of an event in its batch
    Bytes body;
    for (const Event& event : events) {
        const std::size_t before = body.size();
        body.resize(before + encoded_event_max(event) + kPrefix);
        const std::byte* end = append_event(event, body.data() + before);
        body.resize(static_cast<std::size_t>(end - body.data()));
    }
    return body;
}

Bytes seal_bytes(const SecretKey& key, const RecordHeader& header, ByteView body) {
    Mac mac(key);
    return join(seal_record(mac, header, body), body);
}

Bytes seal_bytes(const Tag& tag, const RecordHeader& header, ByteView body) {
    Mac mac(key_of(0));
    const SealedParts parts = seal_record(mac, header, body);
    Bytes bytes = join(parts, body);
    const auto found = std::search(bytes.begin(), bytes.end(), parts.tag.begin(), parts.tag.end());
    VOUCH_ASSERT(found != bytes.end());
    std::ranges::copy(tag, found);
    return bytes;
}

Status write_to(Log& log, const RecordList& records) {
    for (std::uint32_t i = 0; i < records.shard_count(); ++i) {
        const Result<ShardEnd> end = log.acquire(ShardId(i), Term(0));
        if (!end) return end.error();
        std::uint64_t number = 0;
        for (const Bytes& bytes : records.shard(ShardId(i))) {
            const ByteView piece(bytes);
            Commit commit{RecordNumber(number++), {&piece, 1}, {}};
            if (const Result<RecordView> record = parse_record(bytes))
                commit.next.command = record->header.next_command;
            const Result<CommitTicket> ticket = log.commit(ShardId(i), Term(0), commit);
            if (!ticket) return ticket.error();
            if (Status status = log.await(*ticket); !status) return status;
        }
    }
    return {};
}

}  // namespace vouch::test
