#pragma once

#include "events/log/kafka/record_cache.h"
#include "events/log/kafka/record_chain.h"
#include "events/log/kafka/record_cursors.h"
#include "events/log/kafka/record_end.h"
#include "events/log/kafka/record_places.h"
#include "events/log/kafka/record_topic.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace vouch::kafka {

/// One shard's records on their topic, read by record number. Any thread.
class ShardRecords {
public:
    /// What is given outlives it.
    ShardRecords(const KafkaLogOptions& options, ShardId shard, Watermarks& watermarks,
                 RecordCache& cache, Strays& strays, const Patience& patience);

    // --- Its writer -----------------------------------------------------------------------

    /// Reads the end from the topic, once all that this process has written is decided: `corrupt`
    /// when the brokers show less than what was durable before.
    Result<Tail> read_tail();
    /// Whether the brokers show more records of the shard than this process, which is its writer,
    /// has written, with nothing of it in flight.
    Result<bool> is_written_by_others();
    /// The record that stands behind a tail in the chain, as the brokers show it by now; empty
    /// while none does.
    Result<std::optional<Bytes>> next_of(const Tail& tail);
    /// As RecordEnd.
    void own(const Tail& tail, std::function<bool()> is_owner) {
        end_.own(tail, std::move(is_owner));
    }
    void disown() { end_.disown(); }
    /// A record that this process committed, with its offset if that is known.
    void append(RecordNumber record, ByteView bytes, std::optional<std::int64_t> offset);

    // --- As LogReader ---------------------------------------------------------------------

    Result<RecordNumber> end();
    Status read_records(RecordNumber from, std::size_t bytes_max, std::vector<StoredRecord>& out);
    Status read_range(RecordNumber record, std::size_t offset, std::size_t size, Bytes& out);

private:
    Result<Tail> shown_tail(std::optional<RecordPlace> known, const Extent& bounds);
    Result<RecordNumber> known_end(RecordNumber wanted);

    RecordTopic topic_;
    RecordCache& cache_;
    RecordPlaces places_;
    RecordEnd end_;
    RecordChain chain_{topic_, places_};
    RecordCursors cursors_{topic_, places_, chain_, end_};
};

}  // namespace vouch::kafka
