#pragma once

#include "reconciler/reading/prepared_record.h"
#include "reconciler/verdict/finding.h"
#include "reconciler/views/view_check.h"

#include <memory>
#include <optional>
#include <string>

namespace vouch::reconciler {

/// Holds a view's copies of the log's own records (their events, in blocks, and their times)
/// against the log, byte for byte, record by record as the log is read. Memory: a row of each. One
/// thread.
class ViewRecords {
public:
    ViewRecords(ViewReader& views, ShardId shard, Findings& findings);

    /// Records come in order; rows of one that is left out, because it is not believed, are passed
    /// over. A fault is the view's store's, `corrupt` for bytes that are no row.
    Status compare(const PreparedRecord& record, EventNumber first_event);
    /// At the view's position: no row may be left.
    Status finish(RecordNumber position);

private:
    template <class Row>
    struct Ahead {
        std::unique_ptr<ViewRows<Row>> rows;
        std::optional<Row> row;  ///< the first that was not looked at
        bool is_started = false;
        Status start();
        Status next();
    };
    void report(RecordNumber record, std::optional<EventNumber> event, const std::string& message);
    Status compare_events(const PreparedRecord& record, EventNumber first_event);
    Status compare_time(const PreparedRecord& record, EventNumber first_event);

    ShardId shard_;
    Findings& findings_;
    Ahead<ViewEventBlock> blocks_;
    Ahead<ViewRecordTime> times_;
    EventNumber next_event_;    ///< behind the last record that was compared
    RecordNumber next_record_;  ///< the same
    bool is_sure_ = true;       ///< no record was left out before the one at hand
};

}  // namespace vouch::reconciler
