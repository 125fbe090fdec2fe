#pragma once

#include "command-handler/shard/answer.h"
#include "command-handler/shard/waiters.h"
#include "events/money/ids.h"
#include "events/money/number.h"

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

namespace vouch::command_handler {

/// A member of an input batch.
struct MemberPlace {
    Offset batch;
    std::size_t member = 0;
};

/// Answers to one input batch, in the order of its members.
struct AnswerRun {
    Offset batch;
    std::size_t first = 0;
    std::size_t count = 0;
};

/// A command of an earlier record that has its outcome now: whoever waits for it is told.
struct SettledCommand {
    LedgerId ledger;
    Answer answer;
};

/// What is told once a record is durable. Kept and reused for its memory.
struct RecordAnswers {
    std::vector<Answer> answers;
    std::vector<AnswerRun> runs;        // of `answers`, one behind the other
    std::vector<Waiter> waiters;        // who is told here that his command is in transit
    std::vector<SettledCommand> settled;
    std::deque<AnswerDetails> details;  // stays where it is while it grows

    void clear();

    /// To be filled in where it stays, since a copy would wait for its making.
    Answer& add(const MemberPlace& place);
    void add(const MemberPlace& place, const Answer& told, std::optional<AnswerDetails> told_more);
    void tell(Answer& answer, AnswerDetails&& more);
    /// Those of a record that comes to nothing, behind these.
    void take_over(const RecordAnswers& other);
};

}  // namespace vouch::command_handler
