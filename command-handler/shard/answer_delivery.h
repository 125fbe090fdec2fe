#pragma once

#include "command-handler/shard/record_answers.h"
#include "command-handler/shard/shard_books.h"
#include "command-handler/shard/shard_environment.h"
#include "command-handler/shard/waiters.h"
#include "events/money/ids.h"

#include <cstddef>
#include <vector>

namespace vouch::command_handler {

/// Hands out what durable records answer, and knows who still waits for an outcome. The shard's
/// thread.
class AnswerDelivery {
public:
    /// Both outlive it.
    AnswerDelivery(const ShardEnvironment& with, const ShardBooks& books)
        : with_(with), books_(books) {}

    /// Of a record that is durable, and with it all before it.
    void deliver(const RecordAnswers& told);

    /// What waits for the other shard has no outcome before the next start, and its sink knows it.
    bool is_cut_from(ShardId other) const;
    /// Who waits behind a new cut would take the place of others until the next start.
    void forget_cut_off();
    /// Who waits for an outcome.
    std::size_t waiting() const { return waiters_.size(); }

private:
    bool is_cut_off(LedgerId ledger, CommandId command) const;
    void deliver_outcomes(const RecordAnswers& told);

    const ShardEnvironment& with_;
    const ShardBooks& books_;
    Waiters waiters_;
    std::size_t cuts_seen_ = 0;
    std::vector<Answer> outcomes_;  // of one run
};

}  // namespace vouch::command_handler
