#pragma once

#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "events/seal/record.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vouch::test {

/// The store's own writer, for tests: whatever events one likes become records that are right in
/// every respect, or wrong in exactly one. Faults of files and clock are assertions here.

/// A deployment and the keys of a root that is `seed` repeated.
struct SealedDeployment {
    NewDeployment created;
    EpochKeys keys;

    const Deployment& deployment() const { return created.deployment; }
};
SealedDeployment make_sealed_deployment(std::uint32_t shards = 1, bool test_clock = false,
                                        std::uint8_t seed = 1);

/// A log that is a list of records, as anybody can make who has the disk in his hands. Any thread
/// reads.
class RecordList final : public LogReader {
public:
    explicit RecordList(std::uint32_t shards) : shards_(shards) {}

    std::vector<Bytes>& shard(ShardId shard) { return shards_[shard.value()]; }
    const std::vector<Bytes>& shard(ShardId shard) const { return shards_[shard.value()]; }

    std::uint32_t shard_count() const override {
        return static_cast<std::uint32_t>(shards_.size());
    }
    Result<RecordNumber> end(ShardId shard) override;
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override;
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override;
    Result<std::optional<std::string>> unreadable_end() override { return behind_end; }

    std::optional<std::string> behind_end;

private:
    std::vector<std::vector<Bytes>> shards_;
};

/// All records of a log.
RecordList copy_log(LogReader& log);

/// A record before it is sealed. Events borrow from the draft's arena, or from what outlives it.
struct DraftRecord {
    RecordHeader header;
    std::vector<Event> events;
};

/// A whole log as values, to be changed at will and sealed again.
class LogDraft {
public:
    explicit LogDraft(const Deployment& deployment);
    /// Of a log that can be read throughout.
    static LogDraft read(LogReader& log, const Deployment& deployment);

    std::vector<DraftRecord>& shard(ShardId shard) { return shards_[shard.value()]; }
    Arena& arena() { return *arena_; }

    /// Appends a record: everything in its header follows from the record before, but time and
    /// epoch are taken over from it, and `next_command` too.
    DraftRecord& append(ShardId shard, std::vector<Event> events);

    struct Sealing {
        bool number_events = true;  ///< first event and count are computed
        bool number_records = true;
        bool link = true;  ///< previous digests are computed
        /// The last word on each header before its tag is made; may be empty.
        std::function<void(RecordHeader&)> touch;
    };
    /// Records with right tags. What a Sealing leaves alone stands as it is in the headers.
    RecordList seal(const EpochKeys& keys, const Sealing& sealing) const;
    RecordList seal(const EpochKeys& keys) const;

private:
    Deployment deployment_;
    std::unique_ptr<Arena> arena_;
    std::vector<std::unique_ptr<RecordList>> sources_;
    std::vector<std::vector<DraftRecord>> shards_;
};

/// The events as an EventBatch.
Bytes encode_body(std::span<const Event> events);

/// A SealedRecord with the tag that `key` gives.
Bytes seal_bytes(const SecretKey& key, const RecordHeader& header, ByteView body);
/// A SealedRecord with a tag of one's own choice.
Bytes seal_bytes(const Tag& tag, const RecordHeader& header, ByteView body);

/// Commits every record to `log`, whose shards must be empty, as one writer of each.
Status write_to(Log& log, const RecordList& records);

}  // namespace vouch::test
