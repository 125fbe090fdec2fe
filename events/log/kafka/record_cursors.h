#pragma once

#include "events/log/kafka/record_chain.h"
#include "events/log/kafka/record_end.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace vouch::kafka {

/// A reader of one shard that stands before a record; it may have looked at the message already.
struct RecordCursor {
    std::unique_ptr<PartitionReader> reader;
    std::int64_t begin = 0;  ///< where reading began: at a record of the chain
    RecordNumber next;
    TopicMessage ahead{};     ///< the record `next`, once it was met
    TopicMessage previous{};  ///< the record before `next`, if this cursor read it
};

/// Those who read a shard's records on, one after the other: each rests where it stopped until
/// somebody goes on there. Any thread; a cursor is one thread's.
class RecordCursors {
public:
    RecordCursors(RecordTopic& topic, RecordPlaces& places, RecordChain& chain, RecordEnd& end)
        : topic_(topic), places_(places), chain_(chain), end_(end) {}

    /// One that stands before a record, which is known to be durable.
    Result<std::unique_ptr<RecordCursor>> take(RecordNumber from);
    void give_back(std::unique_ptr<RecordCursor> cursor);

    /// Waits for the record that a cursor stands before; it is known to be durable.
    Result<ByteView> look_ahead(RecordCursor& cursor);
    /// Goes behind it.
    static void consume(RecordCursor& cursor);

private:
    Result<std::int64_t> offset_of(RecordNumber record);
    Result<bool> take_ahead(RecordCursor& cursor, Polled& polled);
    Status check_end(const RecordCursor& cursor, std::int64_t end, std::int64_t reached,
                     const std::optional<RecordPlace>& shown);

    RecordTopic& topic_;
    RecordPlaces& places_;
    RecordChain& chain_;
    RecordEnd& end_;
    Mutex mutex_;  ///< guards what follows
    std::vector<std::unique_ptr<RecordCursor>> idle_;  ///< the latest used last
};

}  // namespace vouch::kafka
