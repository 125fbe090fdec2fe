#pragma once

#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/seal/deployment.h"
#include "reconciler/reading/prepared_record.h"
#include "reconciler/rules/fold_answers.h"
#include "reconciler/rules/fold_changes.h"
#include "reconciler/rules/fold_commands.h"
#include "reconciler/rules/fold_context.h"
#include "reconciler/rules/fold_crossings.h"
#include "reconciler/rules/fold_expiries.h"
#include "reconciler/rules/fold_followed.h"
#include "reconciler/rules/fold_groups.h"
#include "reconciler/rules/fold_reversals.h"

#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace vouch::reconciler {

/// Folds a shard's events in order, and holds what each claims against docs/rules.md: the second
/// implementation of that page, which shares no code with the one that decides.
///
/// Where claim and rule differ there is a finding, and the claim is taken over: what follows is
/// judged by what the log says, not by what it should have said. One thread.
class ShardFold {
public:
    /// `content` as it was given to the preparation of the records. Borrows all but the deployment.
    ShardFold(const Deployment& deployment, ShardId shard, const ContentDigest& content,
              const FoldSinks& sinks, bool keeps_history);

    /// Folds the events of one record, of which the first has number `first_event`. Of a record
    /// that is not `believed` nothing about ids is kept. True when all was as it must be.
    bool fold(const Chunk& chunk, const PreparedRecord& record, EventNumber first_event,
              bool believed);

    /// Nothing is sure any more: a record was broken or is missing.
    void lose_certainty() {
        ++context_.books.generation;
        context_.steps.lose_certainty();
    }
    /// Behind the last record.
    void finish() { context_.steps.finish(); }

    const ReplayedBooks& books() const { return context_.books; }
    std::span<const std::uint64_t> history() const { return changes_.history(); }

    std::uint64_t accepted() const { return context_.accepted; }
    std::uint64_t refused() const { return context_.refused; }
    /// Inputs that were recorded as unreadable because the process had died on them.
    std::uint64_t isolated() const { return isolated_; }
    const std::optional<Offset>& isolated_last() const { return isolated_last_; }

private:
    /// Kinds of events in the order in which a record has them.
    enum class Phase : std::uint8_t { term, acts, expiries, steps, commands, sent, seal };

    void enter(Phase phase);
    void begin_command(const CommandDecided* decided);
    void fold_transfer(const PreparedRecord& record, const PlainTransfer& plain);
    struct EventFold;
    void fold_event(const PreparedEvent& prepared, bool is_first, bool is_last);
    void fold_unreadable(const Unreadable& unreadable);
    void fold_mark(bool is_first);
    void fold_reference(IdRowKind kind, const Command& command, EventNumber first,
                        std::uint64_t content);
    void fold_forwarded(const CommandForwarded& forwarded, std::uint64_t content);
    void check_sent_order(const StepsSent& sent);

    FoldContext context_;
    ChangeFold changes_;
    GroupFold groups_;
    ReversalFold reversals_;
    CommandFold command_fold_;
    CrossingFold crossings_;
    AnswerFold answers_;
    FollowedFold followed_;
    ExpiryFold expiries_;
    std::uint64_t isolated_ = 0;
    std::optional<Offset> isolated_last_;

    // The record being folded.
    Offset next_command_;  ///< of its header
    bool in_head_ = true;
    Phase phase_ = Phase::term;
    std::optional<std::pair<ShardId, StepBatchNumber>> last_sent_;
    Arena arena_;
};

}  // namespace vouch::reconciler
