#pragma once

#include "events/log/kafka/record_places.h"
#include "events/log/kafka/record_topic.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace vouch::kafka {

/// How far a chain was followed.
struct ChainReach {
    std::optional<FoundRecord> last;  ///< the last record met; empty: none
    std::uint64_t looks = 0;          ///< at single messages, on the way
};

/// A shard's chain of records, followed from record to record on its topic: from a known place of
/// it to the record that is wanted, by looking at few messages where nothing else can stand
/// between. Any thread.
///
/// A copy lies behind the record that it is of. So the chain is followed from where this process
/// followed it before, or from the topic's beginning: whatever stands behind, it ends there too.
class RecordChain {
    /// A reader for looking things up, kept for the next one when it is done with.
    struct GiveBack {
        RecordChain* to;
        void operator()(PartitionReader* given) const;
    };

public:
    /// It is declared before what it reads: a reader ends after its messages.
    using LookUpReader = std::unique_ptr<PartitionReader, GiveBack>;

    RecordChain(RecordTopic& topic, RecordPlaces& places) : topic_(topic), places_(places) {}

    Result<LookUpReader> look_up_reader();

    /// The record `up_to` of the chain, or the chain's last one when that comes before it; empty
    /// when there is none. From `known`, or from the topic's beginning. Nothing is read of where
    /// records stand so close that nothing else can be between them.
    Result<ChainReach> follow(PartitionReader& reader, std::optional<RecordPlace> known,
                            const Extent& bounds, RecordNumber up_to);

    /// A durable record, without whatever else says to be it. The message ends before its reader.
    Result<FoundRecord> find(PartitionReader& reader, RecordNumber record);

    /// No record has this number: the chain is followed to its end.
    static constexpr RecordNumber kLastOfAll{~std::uint64_t{0}};

private:
    bool is_shown(RecordNumber record);
    Result<ChainReach> leap(PartitionReader& reader, const FoundRecord& from, std::int64_t begin,
                          std::int64_t stable_end, RecordNumber up_to);

    RecordTopic& topic_;
    RecordPlaces& places_;
    Mutex mutex_;  ///< guards what follows
    std::unique_ptr<PartitionReader> look_up_;  ///< idle
};

}  // namespace vouch::kafka
