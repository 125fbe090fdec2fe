#pragma once

#include "reconciler/ids/id_check.h"
#include "reconciler/ids/sent_check.h"
#include "reconciler/reading/chain_check.h"
#include "reconciler/reading/kept_log.h"
#include "reconciler/reading/kept_records.h"
#include "reconciler/reading/record_index.h"
#include "reconciler/replay/replay.h"
#include "reconciler/rules/shard_fold.h"
#include "reconciler/state/transit_balance.h"
#include "reconciler/views/expected_rows.h"
#include "reconciler/views/view_records.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace vouch::reconciler {

/// Replays one shard from its first record to `end`. One use, one thread, which has others read
/// ahead.
class ShardReplay {
public:
    struct Input {
        LogReader& log;
        const Deployment& deployment;
        ShardId shard;
        RecordNumber end;      ///< of what is read
        RecordNumber log_end;  ///< of what there is
        const ReplayOptions& options;
        unsigned threads;
        /// Where somebody has seen the shard stand: a view, a trailer.
        std::vector<ViewPosition> seen;
        /// Position of the view to compare, one of `seen`.
        std::optional<ViewPosition> view;
    };

    /// What all shards are held together by.
    struct Whole {
        Findings& findings;
        PairRows& pairs;
        IdRows* ids;  ///< null when there is one shard
        TrialBalance& trial_balance;
        TransitBalance& transit_balance;
    };

    /// Borrows what is given. `count_record` is called for each record folded, with its events.
    ShardReplay(const Input& input, const Whole& whole,
                std::function<void(std::uint64_t)> count_record);

    /// A fault is one of temporary files or of the view's store.
    Result<ShardReport> run();

private:
    Status fold_chunk(const Chunk& chunk);
    Status fold_record(const Chunk& chunk, const PreparedRecord& record);
    /// Not every event of the log was read as it was written; the first place is kept.
    void miss(RecordNumber record, const std::string& why);
    Status pass_position(RecordNumber position);
    Status compare_view();
    /// A view that cannot be read is a finding, and its rows count no more; other faults are the
    /// replay's.
    Status pass_over_unreadable(const Status& read);
    Status check_view_rows();
    void check_seen(RecordNumber position);
    Status check_ids();
    ShardReport report() const;

    const Input& input_;
    Whole whole_;
    Findings& findings_;
    std::function<void(std::uint64_t)> count_record_;
    ContentDigest content_;
    IdRows ids_;
    Breaks breaks_;
    RecordIndex index_;
    ChainCheck chain_;
    KeptRecords kept_;
    KeptLog since_;
    std::optional<SentCheck> sent_;  ///< empty when what was sent is not asked for, or not kept
    std::string unread_;  ///< the first place of which an event was not read; empty: all were
    ShardFold fold_;
    /// What is compared before the view's position; empty without a view, and behind it.
    std::optional<ViewRecords> view_records_;
    std::optional<ExpectedRows> expected_rows_;
    IdRows view_rows_;
    std::optional<EventNumber> viewed_;  ///< the first event that the view has not applied
    std::uint64_t unviewed_ = 0;         ///< records behind it that answers follow from
    std::string witness_of_another_;
};

}  // namespace vouch::reconciler
