#pragma once

#include "events/log/kafka/client.h"
#include "events/log/kafka/strays.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace vouch::kafka {

/// A message that is a record of the deployment, or a copy of one.
struct FoundRecord {
    RecordNumber record;
    std::int64_t offset = 0;
    TopicMessage message;
};

/// One shard's topic of records: where it begins and ends, and whose a message on it is. Any
/// thread, each with a reader of its own.
///
/// Others may write to the topic too, and it cannot be edited. A message counts as a record only
/// when it is the deployment's own (RecordJudge) and follows the record before it; all else is
/// passed over with an alarm: copies of older records, and what an earlier writer sealed and never
/// committed.
class RecordTopic {
public:
    /// `watermarks`, `strays` and `patience` outlive it.
    RecordTopic(const KafkaLogOptions& options, ShardId shard, Watermarks& watermarks,
                Strays& strays, const Patience& patience);

    ShardId shard() const { return shard_; }
    std::int32_t partition() const { return static_cast<std::int32_t>(shard_.value()); }
    const std::string& name() const { return name_; }
    const Patience& patience() const { return patience_; }
    bool passes_damage() const { return options_.passes_damage; }
    Result<std::unique_ptr<PartitionReader>> open_reader(ReadAhead read_ahead) const;

    /// Asks once more while the brokers do not answer.
    Result<Extent> extent();

    /// The number of the record that a message is; empty, with an alarm, for what is none of this
    /// shard's.
    std::optional<RecordNumber> record_of(const TopicMessage& message);
    /// Whether a record may stand behind `previous`; without one, at the beginning.
    bool follows(const TopicMessage& message, const TopicMessage& previous) const;
    bool follows(const TopicMessage& message, const std::optional<Bytes>& previous) const;

    void pass_over(std::int64_t offset, const std::string& what);
    /// As a record that does not follow the one before it.
    void pass_over_repeat(RecordNumber record, std::int64_t offset);
    /// The reader is started anew behind what it cannot read; says where.
    Result<std::int64_t> pass_unreadable(PartitionReader& reader, std::int64_t offset,
                                         std::int64_t stable_end);

    /// The first record of this shard at or after `offset`, or a copy of one; empty when there is
    /// none before `stable_end`.
    Result<std::optional<FoundRecord>> first_from(PartitionReader& reader, std::int64_t offset,
                                                  std::int64_t stable_end);
    /// The same for a reader that stands there already: behind what it found last.
    Result<std::optional<FoundRecord>> next_from(PartitionReader& reader, std::int64_t offset,
                                                 std::int64_t stable_end);

    Fault corrupt(RecordNumber record, const std::string& what) const;
    /// A record that should be there and is not.
    Fault missing(RecordNumber record) const;

    /// One wait for a message; the whole patience is made of these.
    static constexpr int kReadPollMs = 250;

private:
    const KafkaLogOptions options_;
    const std::string name_;
    const ShardId shard_;
    Watermarks& watermarks_;
    Strays& strays_;
    const Patience& patience_;
};

}  // namespace vouch::kafka
