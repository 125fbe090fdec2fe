#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "projector/views/view_rows.h"

namespace vouch::projector {

/// Takes the rows that records lead to, in the order of the log. The kinds that every transfer has
/// come as values, because a bulk load sorts them as numbers; the rest as bytes, the last row of a
/// key winning. Failures show when the write is committed. One thread.
class RowSink {
public:
    virtual ~RowSink() = default;

    virtual void put_history(AccountNumber account, EventNumber event, std::uint16_t change,
                             ByteView value) = 0;
    /// An id comes once, or twice when its command crosses shards: first in transit, then with its
    /// outcome, and the last one stays. Repeats and conflicts have no row here.
    virtual void put_command(LedgerId ledger, CommandId id, EventNumber event) = 0;
    /// Of a kind whose rows are only appended: in ascending order within the kind.
    virtual void put_at_end(const RowKey& key, ByteView value) = 0;
    virtual void put(const RowKey& key, ByteView value) = 0;
};

}  // namespace vouch::projector
