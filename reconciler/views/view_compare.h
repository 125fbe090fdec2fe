#pragma once

#include "events/log/log.h"
#include "reconciler/ids/id_rows.h"
#include "reconciler/rules/shard_fold.h"
#include "reconciler/verdict/finding.h"
#include "reconciler/views/view_check.h"

#include <cstdint>
#include <vector>

namespace vouch::reconciler {

/// Holds one shard's projection against the books folded exactly to the view's own position: every
/// history row by a digest for each account. All other rows are handed to the checks of ids and of
/// rows. Memory: a number for each account of which a row differs.
class ViewCompare {
public:
    struct Input {
        LogReader& log;
        ViewReader& views;
        const ShardFold& fold;
        Findings& findings;
    };
    ViewCompare(const Input& input, ShardId shard) : input_(input), shard_(shard) {}

    /// Call when the fold stands at the view's position, before that record. A fault is the view's
    /// store's.
    Status compare(RecordNumber position, IdRows& ids, IdRows& rows);

private:
    /// Accounts of which the row at fault is looked for: each reads the log up to there once more.
    static constexpr std::size_t kRowsNamedMax = 8;

    void report(std::optional<RecordNumber> record, std::optional<EventNumber> event,
                AccountNumber account, const std::string& message);
    Status compare_history();
    Status report_row(AccountNumber account, RecordNumber position);
    Status take_ids(IdRows& ids);
    Status take_rows(IdRows& rows);

    Input input_;
    ShardId shard_;
    std::vector<AccountNumber> wrong_;  // a row differs from the log; the books' accounts at most
};

}  // namespace vouch::reconciler
