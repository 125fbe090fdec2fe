#pragma once

#include "events/bytes/bytes.h"
#include "events/log/log.h"
#include "events/world/mutex.h"

#include <cstdint>
#include <functional>
#include <optional>

namespace vouch::kafka {

/// What a shard's topic ends with.
struct Tail {
    RecordNumber next_record;     ///< 0 for a shard without records
    std::optional<Bytes> last;    ///< the last record; empty when there is none
    std::int64_t end_offset = 0;  ///< nothing committed lies at or after it
    std::uint64_t looks = 0;      ///< at single messages, that it took to find it
};

/// Where a shard's records end, as far as this process knows: from its own commits while it is the
/// shard's writer, from what the brokers showed otherwise. Any thread.
class RecordEnd {
public:
    /// This process writes from here on: the end is what it says, until `disown`, and while
    /// `is_owner` says that nobody else can have come. That is called from any thread.
    void own(const Tail& tail, std::function<bool()> is_owner);
    void disown();
    /// This process has committed a record.
    void append(RecordNumber record);

    /// Empty when others may have written.
    std::optional<RecordNumber> known();
    /// Behind what this process has written as the shard's writer, whoever else may be it by now;
    /// empty when it is not.
    std::optional<RecordNumber> written();
    /// First record not known to be durable.
    RecordNumber at_least();
    /// What the brokers said was stable, when asked last.
    std::int64_t reached();
    /// The end, when the brokers have shown this.
    RecordNumber show(const Tail& tail);

private:
    Mutex mutex_;  ///< guards what follows
    bool is_owned_ = false;
    std::function<bool()> is_owner_;
    RecordNumber end_;
    std::int64_t end_offset_ = 0;
};

}  // namespace vouch::kafka
