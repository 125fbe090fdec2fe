#pragma once

#include "events/entries/event.h"
#include "events/log/log.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "events/seal/record.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace vouch::test {

/// A log in memory that a test fills record by record, and may spoil. One thread.
class MemoryLog final : public LogReader {
public:
    explicit MemoryLog(std::uint32_t shards) : shards_(shards) {}

    std::uint32_t shard_count() const override {
        return static_cast<std::uint32_t>(shards_.size());
    }
    Result<RecordNumber> end(ShardId shard) override;
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override;
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override;

    /// The records of a shard, to append, edit or drop.
    std::vector<Bytes>& records(ShardId shard) { return shards_.at(shard.value()); }

private:
    std::vector<std::vector<Bytes>> shards_;
};

/// A deployment with the keys for it, the same for one seed.
struct TestDeployment {
    explicit TestDeployment(std::uint32_t shards, std::uint64_t seed = 1);
    Deployment deployment;
    std::unique_ptr<EpochKeys> keys;
};

/// Seals one shard's events into the records of a log, as a handler would.
class RecordWriter {
public:
    RecordWriter(MemoryLog& log, const TestDeployment& deployment, ShardId shard);

    ShardId shard() const { return header_.shard; }
    /// Number of the next event added.
    EventNumber next_event() const;
    /// Of the record being filled.
    RecordNumber record() const { return header_.record; }
    std::size_t body_bytes() const { return body_.size(); }
    std::uint32_t event_count() const { return header_.event_count; }

    void add(const Event& event);
    /// Of a decided command without making an Event of it.
    void add(const CommandDecided& event);
    /// Bytes as they are, which may be no event.
    void add_raw(std::span<const std::byte> bytes, std::uint32_t events);
    /// Ends the record at this time. Without any event it is started by a TermStarted.
    void seal(Timestamp time);

    /// Of the record being filled, for tests that make it wrong.
    RecordHeader& header() { return header_; }
    /// Seals what follows under the next key.
    void next_epoch();

private:
    template <class E>
    void append(const E& event);

    MemoryLog& log_;
    const EpochKeys& keys_;
    RecordHeader header_;
    Mac mac_;
    Bytes body_;
};

}  // namespace vouch::test
