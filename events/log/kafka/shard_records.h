#pragma once

#include "events/log/kafka/options.h"
#include "events/log/kafka/partition_reader.h"
#include "events/log/kafka/patience.h"
#include "events/log/kafka/record_cache.h"
#include "events/log/kafka/strays.h"
#include "events/log/kafka/watermarks.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace vouch::kafka {

/// What a shard's topic ends with.
struct Tail {
    RecordNumber next_record;     ///< 0 for a shard without records
    std::optional<Bytes> last;    ///< the last record; empty when there is none
    std::int64_t end_offset = 0;  ///< nothing committed lies at or after it
    std::uint64_t looks = 0;      ///< at single messages, that it took to find it
};

/// One shard's records on their topic, read by record number. Any thread.
///
/// Offsets have holes (transactions leave marks, aborted ones leave more), so a number does not say
/// where its record lies: places of the chain are remembered, sparsely, and it is followed from one
/// of them to the record that is wanted, by looking at few messages where nothing else can stand
/// between.
///
/// Others may write to the topic too, and it cannot be edited. A message counts as a record only
/// when it is the deployment's own (RecordJudge) and follows the record before it; all else is
/// passed over with an alarm: copies of older records, and what an earlier writer sealed and never
/// committed. Those say nothing of where their record lies: only what was followed is remembered.
class ShardRecords {
public:
    ShardRecords(const KafkaLogOptions& options, ShardId shard, Watermarks& watermarks,
                 RecordCache& cache, Strays& strays, const Patience& patience);

    // --- Its writer -----------------------------------------------------------------------

    /// Reads the end from the topic, once all that this process has written is decided: `corrupt`
    /// when the brokers show less than what was durable before.
    Result<Tail> read_tail();
    /// The record that stands behind a tail in the chain, as the brokers show it by now; empty while
    /// none does.
    Result<std::optional<Bytes>> next_of(const Tail& tail);
    /// This process writes from here on: the end is what it says, until `disown`, and while
    /// `is_owner` says that nobody else can have come. That is called from any thread.
    void own(const Tail& tail, std::function<bool()> is_owner);
    void disown();
    /// A record that this process committed, with its offset if that is known.
    void append(RecordNumber record, ByteView bytes, std::optional<std::int64_t> offset);

    // --- As LogReader ---------------------------------------------------------------------

    Result<RecordNumber> end();
    Status read_records(RecordNumber from, std::size_t bytes_max, std::vector<StoredRecord>& out);
    Status read_range(RecordNumber record, std::size_t offset, std::size_t size, Bytes& out);

private:
    struct Found {
        RecordNumber record;
        std::int64_t offset;
        Message message;
    };
    struct Place {
        RecordNumber record;
        std::int64_t offset;
    };
    /// How far the chain was followed.
    struct Followed {
        std::optional<Found> last;  ///< the last record met; empty: none
        std::uint64_t looks = 0;    ///< at single messages, on the way
    };
    /// A reader that stands before a record; it may have looked at the message already.
    struct Cursor {
        std::unique_ptr<PartitionReader> reader;
        std::int64_t begin = 0;  ///< where reading began: at a record of the chain
        RecordNumber next;
        Message ahead;     ///< the record `next`, once it was met
        Message previous;  ///< the record before `next`, if this cursor read it
    };

    /// A reader for looking things up, kept for the next one when it is done with. It is declared
    /// before what it reads: librdkafka ends no reader before its messages.
    struct GiveBack {
        ShardRecords* to;
        void operator()(PartitionReader* given) const;
    };
    using LookUpReader = std::unique_ptr<PartitionReader, GiveBack>;

    Result<Extent> extent();
    std::optional<RecordNumber> record_of(const rd_kafka_message_t& message);
    bool follows(const rd_kafka_message_t& message, std::optional<ByteView> previous) const;
    void pass_over(std::int64_t offset, const std::string& what);
    Result<std::int64_t> pass_unreadable(PartitionReader& reader, std::int64_t offset,
                                         std::int64_t stable_end);
    Result<Tail> shown_tail(std::optional<Place> known, const Extent& bounds);
    Result<Followed> follow_chain(PartitionReader& reader, std::optional<Place> known,
                                  const Extent& bounds, RecordNumber up_to);
    Result<Followed> leap(PartitionReader& reader, const Found& from, std::int64_t begin,
                          std::int64_t stable_end, RecordNumber up_to);
    Result<RecordNumber> known_end(RecordNumber wanted);
    Result<Found> find(PartitionReader& reader, RecordNumber record);
    std::optional<Place> known_before(RecordNumber record, const Extent& bounds);
    bool is_shown(RecordNumber record);
    Result<std::optional<Found>> first_from(PartitionReader& reader, std::int64_t offset,
                                            std::int64_t stable_end);
    Result<std::optional<Found>> next_from(PartitionReader& reader, std::int64_t offset,
                                           std::int64_t stable_end);
    Result<LookUpReader> look_up_reader();
    Result<std::unique_ptr<Cursor>> take_cursor(RecordNumber from);
    void return_cursor(std::unique_ptr<Cursor> cursor);
    Result<ByteView> look_ahead(Cursor& cursor);
    void consume(Cursor& cursor);
    void learn(RecordNumber record, std::int64_t offset);
    void forget_half();
    Fault corrupt(RecordNumber record, const std::string& what) const;

    /// Of so many records one offset is remembered, until there are kOffsetsMax; then of twice as
    /// many.
    static constexpr std::uint64_t kOffsetSpacingMin = 16;
    static constexpr std::size_t kOffsetsMax = std::size_t{1} << 16;

    const std::string bootstrap_;
    const std::string topic_;
    const ShardId shard_;
    const Patience& patience_;
    Watermarks& watermarks_;
    RecordCache& cache_;
    Strays& strays_;
    const std::shared_ptr<RecordJudge> judge_;

    std::mutex mutex_;  ///< guards what follows
    bool knows_end() const { return is_owned_ && is_owner_(); }
    bool is_owned_ = false;
    std::function<bool()> is_owner_;
    RecordNumber end_;                               ///< first record not known to be durable
    std::int64_t end_offset_ = 0;                    ///< what the brokers said was stable, when asked last
    std::optional<Place> followed_;                  ///< the chain was followed up to here
    std::map<std::uint64_t, std::int64_t> offsets_;  ///< of some records of the chain, by number
    std::uint64_t offset_spacing_ = kOffsetSpacingMin;
    std::vector<std::unique_ptr<Cursor>> cursors_;  ///< idle, the latest used last
    std::unique_ptr<PartitionReader> look_up_;      ///< idle
};

}  // namespace vouch::kafka
