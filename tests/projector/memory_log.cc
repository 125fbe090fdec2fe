#include "tests/projector/memory_log.h"

#include "events/check.h"
#include "events/entries/codec.h"
#include "events/seal/mac.h"

#include <array>
#include <cstring>
#include <string>

namespace vouch::test {

Result<RecordNumber> MemoryLog::end(ShardId shard) {
    return RecordNumber(shards_.at(shard.value()).size());
}

Status MemoryLog::read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                               std::vector<StoredRecord>& out) {
    const std::vector<Bytes>& records = shards_.at(shard.value());
    std::size_t bytes = 0;
    for (std::uint64_t i = from.value(); i < records.size() && bytes < bytes_max; ++i) {
        out.push_back({RecordNumber(i), records[i]});
        bytes += records[i].size();
    }
    return {};
}

Status MemoryLog::read_range(ShardId shard, RecordNumber record, std::size_t offset,
                             std::size_t size, Bytes& out) {
    const Bytes& bytes = shards_.at(shard.value()).at(record.value());
    const auto behind = std::span(bytes).subspan(std::min(offset, bytes.size()));
    const auto range = behind.first(std::min(size, behind.size()));
    out.assign(range.begin(), range.end());
    return {};
}

TestDeployment::TestDeployment(std::uint32_t shards, std::uint64_t seed) {
    deployment.id = DeploymentId(seed, 0x64);
    deployment.chain = ChainId(seed, 0x63);
    deployment.shards = shards;
    deployment.genesis_tag.fill(static_cast<std::byte>(seed));
    std::array<std::byte, 32> root{};
    root.fill(static_cast<std::byte>(seed + 1));
    keys = std::make_unique<EpochKeys>(SecretKey(root), deployment);
}

RecordWriter::RecordWriter(MemoryLog& log, const TestDeployment& deployment, ShardId shard)
    : log_(log), keys_(*deployment.keys), mac_(keys_.record_key(shard, Epoch(0))) {
    header_.deployment = deployment.deployment.id;
    header_.chain = deployment.deployment.chain;
    header_.shard = shard;
    header_.term = Term(1);
    header_.previous_digest = deployment.deployment.genesis_tag;
}

EventNumber RecordWriter::next_event() const {
    return EventNumber(header_.first_event.value() + header_.event_count);
}

template <class E>
void RecordWriter::append(const E& event) {
    const std::size_t old_size = body_.size();
    body_.resize(old_size + encoded_event_max(event));
    const std::byte* end = append_event(event, body_.data() + old_size);
    body_.resize(static_cast<std::size_t>(end - body_.data()));
    ++header_.event_count;
}

void RecordWriter::add(const Event& event) { append(event); }
void RecordWriter::add(const CommandDecided& event) { append(event); }

void RecordWriter::add_raw(std::span<const std::byte> bytes, std::uint32_t events) {
    body_.insert(body_.end(), bytes.begin(), bytes.end());
    header_.event_count += events;
}

void RecordWriter::seal(Timestamp time) {
    if (header_.event_count == 0) add(Event(TermStarted{header_.term}));
    header_.time = time;
    const SealedParts parts = seal_record(mac_, header_, body_);
    Bytes record = parts.prefix;
    record.insert(record.end(), body_.begin(), body_.end());
    log_.records(header_.shard).push_back(std::move(record));
    header_.first_event = next_event();
    header_.event_count = 0;
    header_.record = header_.record.next();
    header_.previous_digest = parts.digest;
    body_.clear();
}

void RecordWriter::next_epoch() {
    header_.epoch = header_.epoch.next();
    mac_ = Mac(keys_.record_key(header_.shard, header_.epoch));
}

}  // namespace vouch::test
